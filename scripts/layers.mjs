// Checks who imports whom. dependency-cruiser reads .svelte files after their types are gone, so an `import type` in
// markup escapes it (test/gates shows it): those are held against the same rules here.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';

const require = createRequire(join(process.cwd(), 'package.json'));
const config = '.dependency-cruiser.cjs';
const { forbidden } = require(`./${config}`);

const typeImport = /^\s*import\s+(?:type\s[^'"]*?|\{[^}'"]*\btype\s[^'"]*?)from\s+['"]([^'"]+)['"]/gm;

const all = (patterns) => (patterns === undefined ? [] : [patterns].flat());
const matches = (patterns, text) => all(patterns).some((pattern) => new RegExp(pattern).test(text));

/** The file or package an import names, written as dependency-cruiser writes it. */
function targetOf(file, spec) {
  if (spec.startsWith('node:')) return { path: spec, core: true };
  if (spec.startsWith('.')) return { path: posix.join(posix.dirname(file), spec), core: false };
  return { path: `node_modules/${spec}/`, core: false };
}

function violates(rule, file, target) {
  const { from, to } = rule;
  if (to.circular !== undefined || to.couldNotResolve !== undefined) return false;
  const groups = all(from.path)
    .map((pattern) => new RegExp(pattern).exec(file))
    .find((found) => found !== null);
  if (from.path !== undefined && groups === undefined) return false;
  if (from.pathNot !== undefined && matches(from.pathNot, file)) return false;
  const filled = (patterns) =>
    all(patterns).map((pattern) => pattern.replace(/\$(\d)/g, (_, at) => groups?.[at] ?? ''));
  if (to.path !== undefined && !matches(filled(to.path), target.path)) return false;
  if (to.pathNot !== undefined && matches(filled(to.pathNot), target.path)) return false;
  return to.dependencyTypes === undefined || (target.core && to.dependencyTypes.includes('core'));
}

function typesInMarkup() {
  const found = [];
  for (const file of globSync('src-renderer/**/*.svelte').map((path) => path.replaceAll('\\', '/'))) {
    for (const [, spec = ''] of readFileSync(file, 'utf8').matchAll(typeImport)) {
      const target = targetOf(file, spec);
      for (const rule of forbidden)
        if (violates(rule, file, target)) found.push(`error ${rule.name}: ${file} → ${target.path}`);
    }
  }
  return found;
}

const cruiser = join(process.cwd(), 'node_modules/.bin/depcruise');
const cruised = spawnSync(process.execPath, [cruiser, '--config', config, 'src-main', 'src-renderer'], {
  stdio: 'inherit',
});
const found = typesInMarkup();
for (const line of found) process.stdout.write(`  ${line}\n`);
process.stdout.write(`${found.length} violations among the types imported in markup\n`);
process.exitCode = cruised.status === 0 && found.length === 0 ? 0 : 1;
