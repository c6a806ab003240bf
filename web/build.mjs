// Builds the portals' static files into the Python package. Same input, same bytes, on any machine.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "../src/livery/portals/ui/static"));
const modules = join(here, "node_modules");

mkdirSync(out, { recursive: true });
execFileSync(
  process.execPath,
  [
    join(modules, "@tailwindcss/cli/dist/index.mjs"),
    "--input", join(here, "livery.css"),
    "--output", join(out, "livery.css"),
    "--minify",
  ],
  { cwd: here, stdio: ["ignore", "ignore", "inherit"] },
);
copyFileSync(join(modules, "htmx.org/dist/htmx.min.js"), join(out, "htmx.min.js"));
// What we ship of others stays under their licences: the texts go along.
const notices = ["tailwindcss", "daisyui", "htmx.org"].map((name) => {
  const text = readFileSync(join(modules, name, "LICENSE"), "utf8").trim();
  return `${name}\n${"=".repeat(name.length)}\n${text}\n`;
});
writeFileSync(join(out, "licenses.txt"), notices.join("\n"));
