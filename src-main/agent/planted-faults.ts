/** Faults that a unit can be told to have, for tests and for training: `--fault NAME[=VALUE]`. */
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import { type PlantedFault, trainingFaults, valueOf } from '../lib/planted/catalogue.ts';
import { agentFault } from './faults.ts';

/** Those with a sentence in lib/planted/catalogue.ts are for trainers too; the others are for tests alone. */
export interface PlantedFaults {
  readonly cutOut?: number;
  readonly cutIn?: number;
  readonly corrupt?: number;
  readonly duplicate?: number;
  readonly delayMs?: number;
  readonly reorder?: number;
  readonly echo?: true;
  readonly bootNoise?: number;
  readonly wrongBaud?: number;
  readonly tpmDelayMs?: number;
  /** `duplicate-ek=DIR`: its TPM is a copy of the one of the unit with this state folder. */
  readonly duplicateEk?: string;
  readonly resetOnOpenMs?: number;
  readonly stuckEcho?: true;
  readonly stuckSilent?: true;
  readonly csrSignature?: true;
  readonly certificateBit?: true;
  /** `csr-name=NAME`: asks for a certificate in another name than it was told. */
  readonly csrName?: string;
  /** `no-serial`: does not tell its serial number. */
  readonly noSerial?: true;
  /** `no-lock`: firmware that cannot be locked. */
  readonly noLock?: true;
  /** `port-moves=N`: like `cut-out`, and when the cable is back the port has another name (its own and `-moved`). */
  readonly portMoves?: number;
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
  /** `--fault-seed N`: what is left to chance is the same for the same seed; 1 unless told. */
  readonly seed?: number;
}

type Numbers = { readonly [Key in keyof PlantedFaults]: number extends PlantedFaults[Key] ? Key : never };
type NumberKey = Exclude<Numbers[keyof PlantedFaults], undefined>;

const numbers = {
  'cut-out': 'cutOut',
  'cut-in': 'cutIn',
  corrupt: 'corrupt',
  duplicate: 'duplicate',
  delay: 'delayMs',
  reorder: 'reorder',
  'boot-noise': 'bootNoise',
  'wrong-baud': 'wrongBaud',
  'tpm-delay': 'tpmDelayMs',
  'reset-on-open': 'resetOnOpenMs',
  'port-moves': 'portMoves',
  'corrupt-reply': 'corruptReply',
  'truncate-reply': 'truncateReply',
  'drop-reply': 'dropReply',
  'exit-after-write': 'exitAfterWrite',
} as const satisfies Readonly<Record<string, NumberKey>>;
const texts = { 'duplicate-ek': 'duplicateEk', 'csr-name': 'csrName' } as const;
const flags = {
  echo: 'echo',
  'stuck-echo': 'stuckEcho',
  'stuck-silent': 'stuckSilent',
  'csr-signature': 'csrSignature',
  'certificate-bit': 'certificateBit',
  'no-serial': 'noSerial',
  'no-lock': 'noLock',
  'boot-chatter': 'bootChatter',
} as const;

/** Of a number that trainers have no use for: the bytes of a hundred runs, or a write that no run reaches. */
const mostOfOthers = 999_999;

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
  const [, name = '', text] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  if (isKeyOf(flags, name)) return text === undefined ? { [flags[name]]: true } : undefined;
  if (isKeyOf(texts, name)) return text === undefined || text === '' ? undefined : { [texts[name]]: text };
  const value = isKeyOf(numbers, name) ? numberFor(name, text) : undefined;
  return isKeyOf(numbers, name) && value !== undefined ? { [numbers[name]]: value } : undefined;
}

/** Within its bounds; what trainers may choose has a usual value. */
function numberFor(name: string, text: string | undefined): number | undefined {
  if (text !== undefined && !/^\d{1,7}$/.test(text)) return undefined;
  const given = text === undefined ? undefined : Number(text);
  const known: PlantedFault | undefined = trainingFaults.find((fault) => fault.name === name);
  if (known !== undefined) return valueOf(known, given) ?? undefined;
  return given !== undefined && given <= mostOfOthers ? given : undefined;
}

function isKeyOf<T extends object>(table: T, name: string): name is keyof T & string {
  return Object.hasOwn(table, name);
}
