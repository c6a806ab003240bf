"""The agent's door: one hired agent's entitled skills as MCP tools."""
