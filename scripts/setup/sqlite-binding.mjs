// better-sqlite3 for a runtime with Node-API 9: its packaged binary wants 10 and ends Electron 33 with a segmentation
// fault at load. Built from the package's own source; the product gets its path by BENCHLINE_SQLITE_BINDING.
import { cp, mkdir, mkdtemp, rename, rm, symlink, copyFile, chmod } from 'node:fs/promises';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { cachePath, modules } from './places.mjs';
import { SetupStop, run } from './say.mjs';

const source = join(modules, 'better-sqlite3');

export function sqliteBindingName() {
  try {
    const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
    return `better_sqlite3-${version}-napi9-${process.platform}-${process.arch}.node`;
  } catch {
    return 'better_sqlite3-not-installed';
  }
}

// NAPI_VERSION=9 alone does not do: it keeps references to strings, which arrived with the experimental set before 10.
const compileFlags = '-UNAPI_VERSION -DNAPI_EXPERIMENTAL -DNODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT';

export async function buildSqliteBinding() {
  const work = await mkdtemp(cachePath('sqlite-'));
  try {
    for (const part of ['binding.gyp', 'package.json', 'src', 'deps', 'lib']) {
      await cp(join(source, part), join(work, part), { recursive: true });
    }
    await mkdir(join(work, 'node_modules'));
    await symlink(join(modules, 'node-addon-api'), join(work, 'node_modules/node-addon-api'));
    const headers = join(modules, `node-${process.platform}-${process.arch}`);
    const flags = ['rebuild', '--release', '--force_build=1', `--nodedir=${headers}`, '--jobs=max'];
    const env = {
      ...process.env,
      CXXFLAGS: compileFlags,
      PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH}`,
    };
    const built = await run(process.execPath, [nodeGyp(), ...flags], { cwd: work, env });
    const made = join(work, 'build/Release/better_sqlite3.node');
    if (!built.ok || !existsSync(made)) throw new SetupStop(`building better-sqlite3 did not succeed:\n${built.tail}`);
    const staged = join(work, sqliteBindingName());
    await copyFile(made, staged);
    await chmod(staged, 0o644);
    await rename(staged, cachePath(sqliteBindingName()));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** npm brings node-gyp; where it lies depends on who packaged npm. */
function nodeGyp() {
  const besideNpm = [
    process.env.npm_execpath,
    ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'npm')),
  ]
    .filter((path) => path !== undefined && existsSync(path))
    .flatMap((path) => {
      const bin = dirname(realpathSync(path));
      return [join(bin, '../node_modules/node-gyp/bin/node-gyp.js'), join(bin, '../../node-gyp/bin/node-gyp.js')];
    });
  const places = [process.env.npm_config_node_gyp, ...besideNpm, '/usr/share/nodejs/node-gyp/bin/node-gyp.js'];
  const found = places.find((path) => path !== undefined && existsSync(path));
  if (found === undefined)
    throw new SetupStop('node-gyp is not found beside npm; install npm from nodejs.org or your system and try again.');
  return found;
}
