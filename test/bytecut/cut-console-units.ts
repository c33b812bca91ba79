/** Units of the byte-cut proof with a text console: their credentials survive a power cut, what was typed does not. */
import { X509Certificate, createHash } from 'node:crypto';
import { certificatesFromPem } from '../../src-main/lib/x509/pem.ts';
import { scriptedBoard } from '../exams/scripted-board.ts';
import { scriptedModem } from '../exams/scripted-modem.ts';
import type { CutUnit, Held } from './cut-unit.ts';
import type { CutWorld, Life } from './cut-world.ts';

type Alive = <T>(work: () => Promise<T>) => Promise<T>;
const aliveIn =
  (world: CutWorld, life: Life): Alive =>
  (work) =>
    world.inLife(life, () => world.busyWhile(life, work()));

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');
const numberOf = (set: ReadonlySet<string>, content: string): number => [...set].indexOf(sha256(content));

const noMade = (): CutUnit['made'] => ({ keys: new Set(), chains: new Set(), settings: new Set() });

/** A certificate in PEM (the first of a chain) and the public key that lies beside it. */
function heldOf(pem: string | undefined, publicKey: string | undefined): Held {
  const [leaf] = pem === undefined ? [] : certificatesFromPem(pem);
  if (leaf === undefined) return { wrong: 'it holds no certificate' };
  const certified = new X509Certificate(leaf).publicKey.export({ type: 'spki', format: 'der' }).toString('hex');
  const isOwn = certified === publicKey;
  return { fingerprint: sha256(leaf), ...(isOwn ? {} : { wrong: 'its certificate is not for the key it holds' }) };
}

/** A Nordic modem; `hasOld`: it holds a credential of an earlier life, which somebody else gave it. */
export function createCutModem(serialNumber: string, world: CutWorld, hasOld = false): CutUnit {
  const made = noMade();
  const modem = scriptedModem(serialNumber, (type, content) => {
    if (type === '2') made.keys.add(sha256(content));
    if (type === '1') made.chains.add(sha256(content));
  });
  if (hasOld) for (const type of ['1', '2']) modem.put('16842753', type, `old ${type}`);
  for (const kept of Object.values(made)) kept.clear();
  let life: Life | undefined;
  return {
    serialNumber,
    made,
    shape: () => {
      const places = [...modem.tags].toSorted().map(([tag, kept]) => {
        const kinds = [...kept].toSorted().map(([type, content]) => {
          const number = numberOf(type === '2' ? made.keys : made.chains, content);
          return `${type}#${number}`;
        });
        return `${tag}:${kinds.join(',')}`;
      });
      return `${places.join(' ')} ${modem.typed}`;
    },
    holds: () => {
      const full = [...modem.tags.values()].filter((kept) => kept.size > 0);
      if (full.length > 1) return { wrong: `it holds ${full.length} credentials` };
      return heldOf(full[0]?.get('1'), full[0]?.get('2'));
    },
    power: (stream) => {
      life = world.born();
      modem.serve(stream, {}, aliveIn(world, life));
    },
    cutPower: () => life?.end(),
  };
}

/** The board of docs/drivers.md: one place for a key and one for a chain, written over at once. */
export function createCutBoard(serialNumber: string, world: CutWorld): CutUnit {
  const made = noMade();
  let publicKey: string | undefined;
  const board = scriptedBoard(serialNumber, (what, content) => {
    if (what === 'key') publicKey = content;
    (what === 'key' ? made.keys : made.chains).add(sha256(content));
  });
  let life: Life | undefined;
  return {
    serialNumber,
    made,
    shape: () => {
      const { chain } = board.flash;
      return `${made.keys.size} ${chain === undefined ? '' : numberOf(made.chains, chain)} ${board.typed}`;
    },
    holds: () => heldOf(board.flash.chain, publicKey),
    power: (stream) => {
      life = world.born();
      board.serve(stream, aliveIn(world, life));
    },
    cutPower: () => life?.end(),
  };
}
