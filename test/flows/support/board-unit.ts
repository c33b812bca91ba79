/** The unit file and the settings of a board, read as systemd reads them: systemd.service(5), systemd.exec(5). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../resources/raspberry-pi');

/** Directives by name, and the text that they came from; no name stands twice in it. */
export interface UnitFile extends ReadonlyMap<string, string> {
  readonly text: string;
}

const linesOf = (file: string): readonly string[] =>
  readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !/^[#;[]/.test(line));
const pairsOf = (file: string): readonly (readonly [string, string])[] =>
  linesOf(file).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);

export function readUnitFile(): UnitFile {
  const pairs = pairsOf('benchline-agent.service');
  const unit = new Map(pairs);
  if (unit.size !== pairs.length) throw new Error('a directive stands twice');
  return Object.assign(unit, { text: readFileSync(join(folder, 'benchline-agent.service'), 'utf8') });
}

export interface Board {
  /** What `%S` stands for. */
  readonly state: string;
  /** Instead of /opt/benchline. */
  readonly root: string;
  /** Instead of what agent.env says. */
  readonly env?: Readonly<Record<string, string>>;
}

/** ExecStart as systemd would run it: specifiers and variables filled in. */
export function boardCommand({ state, root, env = {} }: Board): readonly string[] {
  const values = new Map([...pairsOf('agent.env'), ...Object.entries(env)]);
  const words = readUnitFile().get('ExecStart')?.split(' ') ?? [];
  return words.map((word) =>
    word
      .replace('/opt/benchline', root)
      .replace('%S', state)
      .replace(/\$\{(\w+)\}/g, (_, name: string) => values.get(name) ?? ''),
  );
}
