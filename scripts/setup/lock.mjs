// One set-up at a time for one thing; the second waits and then finds the work done.
import { openSync, closeSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { SetupStop, say } from './say.mjs';

// The slowest piece of work under a lock is a compiler run of about two minutes on two cores, ten on a small machine.
const maxWaitMs = 15 * 60_000;

export async function withLock(path, work) {
  await take(path);
  const free = () => rmSync(path, { force: true });
  process.once('exit', free);
  try {
    return await work();
  } finally {
    process.off('exit', free);
    free();
  }
}

async function take(path) {
  const giveUpAt = Date.now() + maxWaitMs;
  for (let said = false; ; said = true) {
    if (tryTake(path)) return;
    if (Date.now() > giveUpAt)
      throw new SetupStop(`another set-up has held ${path} for 15 minutes; end it, or remove that file`);
    if (!said) say(`[set-up] another set-up is at work; waiting for it (${path})`);
    await new Promise((wake) => setTimeout(wake, 300));
  }
}

function tryTake(path) {
  try {
    const file = openSync(path, 'wx', 0o644);
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (!isHeld(path)) rmSync(path, { force: true });
  return false;
}

/** A lock whose holder is gone is nobody's. */
function isHeld(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    if (!(pid > 0)) return true; // just being written
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
