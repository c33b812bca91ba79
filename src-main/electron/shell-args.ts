/** What the shell is told at its start, and what of it is for the station. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface ShellArgs {
  readonly dataFolder: string;
  readonly stationArgs: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

// The bench of the demonstration: two units with a TPM and two with X.509.
const defaultUnits = '4';

/**
 * Reads `electron <folder> [Chromium's switches] -- [ours]`. Everything before the double dash is Chromium's, so that
 * no switch of theirs is ever taken for ours, nor the other way round.
 */
export function readShellArgs(argv: readonly string[], env: Environment): ShellArgs {
  const divider = argv.indexOf('--');
  const ours = divider === -1 ? [] : argv.slice(divider + 1);
  const data = takeOption(ours, 'data');
  const units = takeOption(data.rest, 'units');
  const dataFolder = resolve(data.value ?? env['BENCHLINE_DATA'] ?? defaultDataFolder(env));
  // Who names real ports wants those in the first slots, and no virtual units unless they are asked for.
  const hasUnits = units.rest.some((word) => /^--(virtual-units|slot)(=|$)/.test(word));
  return {
    dataFolder,
    stationArgs: [
      '--data',
      dataFolder,
      ...(hasUnits && units.value === undefined ? [] : ['--virtual-units', units.value ?? defaultUnits]),
      ...units.rest,
    ],
  };
}

function defaultDataFolder(env: Environment): string {
  const shared = env['XDG_DATA_HOME'];
  return join(shared === undefined || shared === '' ? join(homedir(), '.local/share') : shared, 'benchline');
}

/** The last value of `--name value` or `--name=value`, and the words without it. */
function takeOption(words: readonly string[], name: string): { value: string | undefined; rest: string[] } {
  const rest: string[] = [];
  let value: string | undefined;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === `--${name}`) {
      at += 1;
      value = words[at];
    } else if (word.startsWith(`--${name}=`)) {
      value = word.slice(name.length + 3);
    } else {
      rest.push(word);
    }
  }
  return { value, rest };
}
