// The entry of every npm script: brings what the verb needs, then starts it on the locked Node and becomes invisible:
// signals are passed on, the exit code is kept.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ensureBuild } from './setup/build.mjs';
import { setUp } from './setup/index.mjs';
import { appHome, asPlainUser, lendFolder, plainEnvironment, readableRuntime } from './setup/plain.mjs';
import { isRoot, modules, nodePath, plainUser, root } from './setup/places.mjs';
import { SetupStop, say } from './setup/say.mjs';

const [verb = 'help', ...args] = process.argv.slice(2);

const script = (file, needs) => async () => {
  await setUp(needs);
  return { command: nodePath(), args: [join(root, file), ...args], env: nodeEnvironment() };
};
const program = (name) => async () => {
  await setUp('headless');
  return { command: nodePath(), args: [join(root, 'src-main/cli.ts'), ...name, ...args], env: nodeEnvironment() };
};

const verbs = {
  start: () => (args.includes('--headless') || asksForHelp() ? program(['start'])() : openWindow()),
  service: program(['service']),
  agent: program(['agent']),
  cli: program([]),
  setup: script('scripts/setup.mjs', 'headless'),
  test: script('scripts/test.mjs', 'headless'),
  check: script('scripts/test.mjs', 'headless'),
  bench: script('test/bench/main.ts', 'headless'),
  soak: script('test/soak/main.ts', 'headless'),
};

// Our programs are not told apart by where Node lies, but their children start `node` by name.
function nodeEnvironment() {
  return { ...process.env, PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}` };
}

const asksForHelp = () => args.includes('--help') || args.includes('-h');

// Before anything else is looked at: whoever mistypes --headless shall not hear of displays.
function refuseUnknown() {
  const pages = ['src-main/cli/start.ts', 'src-main/station/usage.ts'].map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  const known = new Set(pages.join('\n').match(/--[a-z][a-z0-9-]*/g));
  const options = args.filter((word) => word.startsWith('--')).map((word) => word.split('=', 1)[0]);
  const unknown = options.find((option) => !known.has(option));
  if (unknown === undefined) return;
  throw new Refused(`There is no option ${unknown}.\nSee them with:  npm start -- --help`);
}

async function openWindow() {
  refuseUnknown();
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
    throw new Refused(
      'There is no display here (DISPLAY and WAYLAND_DISPLAY are not set), so no window can be opened.\n' +
        'The same work without a window:  npm start -- --headless',
    );
  }
  const electron = readableRuntime((await setUp('window')).electron);
  await ensureBuild();
  if (electron.kind !== 'real') say(`Electron ${electron.version} (${electron.kind})`);
  const named = args[args.indexOf('--data') + 1];
  if (isRoot) {
    say(`The window runs as the user ${plainUser}: its sandbox does not run as root.`);
    if (args.includes('--data') && named !== undefined) lendFolder(named);
  }
  const [command, ...rest] = [...asPlainUser(), electron.binary, appHome(), ...quietChromium, '--', ...args];
  return { command, args: rest, env: plainEnvironment(windowEnvironment(electron)) };
}

// Chromium tells a terminal about every bus and driver it does not find; what matters is in our own log.
const quietChromium = ['--log-level=3'];

function windowEnvironment(electron) {
  const binding = electron.sqliteBinding;
  return {
    ...process.env,
    ELECTRON_OVERRIDE_DIST_PATH: electron.folder,
    ...(binding === undefined ? {} : { BENCHLINE_SQLITE_BINDING: binding }),
  };
}

class Refused extends Error {}

function follow({ command, args: words, env }) {
  const child = spawn(command, words, { stdio: 'inherit', env });
  // On a terminal Ctrl-C reaches the child by itself; a second one would be taken for impatience.
  const passed = process.stdin.isTTY ? ['SIGTERM', 'SIGHUP'] : ['SIGTERM', 'SIGHUP', 'SIGINT'];
  for (const signal of passed) process.on(signal, () => void child.kill(signal));
  if (process.stdin.isTTY) process.on('SIGINT', () => undefined);
  stopWithNpm(child);
  child.on('error', (error) => {
    say(`${command} could not be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signalNumbers[signal] ?? 0);
  });
}

// npm passes on SIGTERM and SIGINT (the scripts say `exec`, so that no shell stands between); when it is killed itself,
// only the change of our parent tells.
function stopWithNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const npm = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 1_000);
  watch.unref();
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

try {
  const prepare = verbs[verb];
  if (prepare === undefined) throw new SetupStop(`usage: npm run ${Object.keys(verbs).join(' | ')}`);
  follow(await prepare());
} catch (error) {
  if (!(error instanceof SetupStop) && !(error instanceof Refused)) throw error;
  say(error.message);
  process.exitCode = error instanceof Refused ? 2 : 3;
}
