/**
 * Gives each run a block of loopback addresses of its own (127.x.y.0/24), so that suites and throw-away runs that go at
 * the same time never meet. A claim is a folder with its owner's process id; a dead owner's claim is taken over.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failed, ok, type Result } from '../base/result.ts';
import { listenFault } from './faults.ts';

export interface LoopbackBlock {
  /** `127.x.y`: put `.1` to `.254` behind it. */
  readonly base: string;
  release(): void;
}

// 127.100.0 to 127.100.255: away from the 127.0.x that systems use themselves; far more than one machine runs at once.
const blocks = 256;

export function claimLoopbackBlock(
  options: { readonly prefer?: number; readonly folder?: string } = {},
): Result<LoopbackBlock> {
  const folder = options.folder ?? join(tmpdir(), 'benchline-loopback');
  makeShared(folder);
  // Runs start at different places, so that they rarely try the same block.
  const first = options.prefer ?? process.pid;
  for (let step = 0; step < blocks; step += 1) {
    const block = (first + step) % blocks;
    const claim = join(folder, `127.100.${block}`);
    if (!claimed(claim)) continue;
    return ok({
      base: `127.100.${block}`,
      release: () => {
        if (ownerOf(claim) === process.pid) rmSync(claim, { recursive: true, force: true });
      },
    });
  }
  return failed(listenFault('loopback-exhausted'));
}

/** The addresses belong to the machine, not to a user: every user's runs must see each other's claims. */
function makeShared(folder: string): void {
  mkdirSync(folder, { recursive: true });
  try {
    chmodSync(folder, 0o1777);
  } catch {
    // Another user made it, and gave it this mode then.
  }
}

/** The folder appears whole or not at all: it is made aside with its owner inside, then renamed into place. */
function claimed(claim: string): boolean {
  const owner = ownerOf(claim);
  if (owner !== undefined && isAlive(owner)) return false;
  const draft = `${claim}.${process.pid}`;
  try {
    if (owner !== undefined) removeDead(claim, owner);
    mkdirSync(draft);
    writeFileSync(join(draft, 'pid'), String(process.pid));
    // A rename onto a folder that is not empty fails: whoever came first keeps it.
    renameSync(draft, claim);
    return ownerOf(claim) === process.pid;
  } catch {
    return false;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Moves the dead claim away under a name of its own, so that two who saw it dead do not both remove the next one. */
function removeDead(claim: string, owner: number): void {
  const grave = `${claim}.dead.${owner}.${process.pid}`;
  renameSync(claim, grave);
  if (ownerOf(grave) === owner) rmSync(grave, { recursive: true, force: true });
  else renameSync(grave, claim);
}

function ownerOf(claim: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(claim, 'pid'), 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, but belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
