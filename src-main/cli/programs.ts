/** The verbs that only start a program: its standard input and output are ours, and our signals are its own. */
import { spawn } from 'node:child_process';
import { programFile, type ProgramName } from './program-file.ts';
import { exitCodes, type Verb } from './verb.ts';

export function programVerb(name: ProgramName, summary: string): Verb {
  return {
    name,
    summary,
    usage: `benchline ${name} [the program's own options]`,
    run: (args) => runProgram(name, args),
  };
}

function runProgram(name: ProgramName, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [programFile(name), ...args], { stdio: 'inherit' });
  // always SIGTERM: from a terminal the child gets the SIGINT itself, and a second one would end it hard
  const passOn = (): void => void child.kill('SIGTERM');
  process.on('SIGTERM', passOn);
  process.on('SIGINT', passOn);
  return new Promise((resolve) => {
    const ended = (code: number): void => {
      process.off('SIGTERM', passOn);
      process.off('SIGINT', passOn);
      resolve(code);
    };
    child.once('error', () => {
      ended(exitCodes.failed);
    });
    child.once('exit', (code) => {
      ended(code ?? exitCodes.failed);
    });
  });
}
