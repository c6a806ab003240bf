"""Tools of remote MCP servers as skills: the runtime `mcp`."""
