/** Faults that a unit can be told to have, so that stations are tried on real ones: `--fault NAME[=VALUE]`. */
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import { agentFault } from './faults.ts';

export interface PlantedFaults {
  /** `tpm-delay=MS`: every TPM command takes that much longer. */
  readonly tpmDelayMs?: number;
  /** `tpm-copy=FILE`: begins as a copy of another unit's software TPM, with the same endorsement key. */
  readonly tpmCopyOf?: string;
  /** `csr-name=NAME`: asks for a certificate in another name than it was told. */
  readonly csrName?: string;
  /** `csr-signature`: signs its request with a key that is not in it. */
  readonly csrSignature?: true;
  /** `certificate-bit`: reads back its certificate with one bit changed. */
  readonly certificateBit?: true;
  /** `no-serial`: does not tell its serial number. */
  readonly noSerial?: true;
  /** `corrupt-reply=N`: the Nth write to the line has a byte changed. */
  readonly corruptReply?: number;
  /** `truncate-reply=N`: the Nth write to the line ends in the middle. */
  readonly truncateReply?: number;
  /** `drop-reply=N`: the Nth write to the line does not happen. */
  readonly dropReply?: number;
  /** `exit-after-write=N`: the process ends, as by a power cut, right after the Nth write to the line. */
  readonly exitAfterWrite?: number;
  /** `boot-chatter`: prints what boot loaders print before it answers. */
  readonly bootChatter?: true;
}

const numbers = {
  'tpm-delay': 'tpmDelayMs',
  'corrupt-reply': 'corruptReply',
  'truncate-reply': 'truncateReply',
  'drop-reply': 'dropReply',
  'exit-after-write': 'exitAfterWrite',
} as const;
const texts = { 'tpm-copy': 'tpmCopyOf', 'csr-name': 'csrName' } as const;
const flags = {
  'csr-signature': 'csrSignature',
  'certificate-bit': 'certificateBit',
  'no-serial': 'noSerial',
  'boot-chatter': 'bootChatter',
} as const;

export const plantedFaultNames = [...Object.keys(numbers), ...Object.keys(texts), ...Object.keys(flags)];

export function parsePlantedFaults(words: readonly string[]): Result<PlantedFaults> {
  let faults: PlantedFaults = {};
  for (const word of words) {
    const one = parseOne(word);
    if (one === undefined) {
      const wanted = `one of ${plantedFaultNames.join(', ')}`;
      return failed(agentFault('agent-option-wrong', { option: 'fault', value: word, wanted }));
    }
    faults = { ...faults, ...one };
  }
  return ok(faults);
}

function parseOne(word: string): PlantedFaults | undefined {
  const at = word.indexOf('=');
  const name = at < 0 ? word : word.slice(0, at);
  const value = at < 0 ? undefined : word.slice(at + 1);
  if (isKeyOf(flags, name)) return value === undefined ? { [flags[name]]: true } : undefined;
  if (value === undefined || value === '') return undefined;
  if (isKeyOf(texts, name)) return { [texts[name]]: value };
  // Six digits: up to a quarter of an hour, or a write that no run reaches.
  return isKeyOf(numbers, name) && /^\d{1,6}$/.test(value) ? { [numbers[name]]: Number(value) } : undefined;
}

function isKeyOf<T extends object>(table: T, name: string): name is keyof T & string {
  return Object.hasOwn(table, name);
}
