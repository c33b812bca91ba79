// What set-up says while it works. Everything goes to stderr: stdout belongs to the program that is started.
import { spawn } from 'node:child_process';

/** Set-up cannot go on; the message says what to do. */
export class SetupStop extends Error {}

export const say = (text) => void process.stderr.write(`${text}\n`);

// Long enough not to flood a log, short enough to show that it lives.
const beatMs = 5_000;

/** Says what begins, that it still goes on, and how long it took. */
export async function step(title, work) {
  const begun = Date.now();
  const seconds = () => Math.round((Date.now() - begun) / 1000);
  say(`[set-up] ${title} ...`);
  const beat = setInterval(() => say(`[set-up] ${title}: ${seconds()} s`), beatMs);
  try {
    const value = await work();
    say(`[set-up] ${title}: done in ${seconds()} s`);
    return value;
  } finally {
    clearInterval(beat);
  }
}

// The last words of a failed command are what helps; the rest of a compiler's output is not.
const maxTailChars = 4_000;

/** Runs a command to its end; resolves with its status and the end of its output, never rejects. */
export function run(command, args, { timeoutMs, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let tail = '';
    let out = '';
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => void child.kill('SIGKILL'), timeoutMs);
    const keep = (chunk) => {
      tail = (tail + chunk).slice(-maxTailChars);
    };
    child.stdout.on('data', (chunk) => {
      out = (out + chunk).slice(-1_000_000);
      keep(chunk);
    });
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ ok: false, status: null, out, tail: error.message });
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ ok: status === 0, status, out, tail });
    });
  });
}
