/** The faults that a unit of ours can be told to have: their names, their values with bounds, and what a person is told. */
export const plantedUnits = ['bytes', 'replies', 'ms', 'baud', 'slot'] as const;

export interface PlantedValue {
  readonly unit: (typeof plantedUnits)[number];
  readonly least: number;
  readonly most: number;
  /** What it is when nothing is said; a slot has none. */
  readonly usual?: number;
}

export interface PlantedFault {
  /** As `--fault NAME[=VALUE]` takes it. */
  readonly name: string;
  /** What the unit does, for a trainer; `{value}` stands for the value. */
  readonly say: string;
  /** Absent: every unit can have it. */
  readonly needs?: 'tpm' | 'x509';
  readonly value?: PlantedValue;
}

// More than a run moves in either direction (8 kB), with room for runs that are repeated many times over.
const anyByte = { unit: 'bytes', least: 1, most: 1_000_000 } as const;
// A reply is waited for 2 s, a request of the link 60 s: a minute makes every wait run out.
const anyWait = { unit: 'ms', least: 1, most: 60_000 } as const;
const anyReply = { unit: 'replies', least: 1, most: 1_000 } as const;
const anySlot = { unit: 'slot', least: 1, most: 16 } as const;

/** What a trainer may choose, in the order in which it is shown. */
export const trainingFaults = [
  {
    name: 'cut-out',
    say: 'The cable is pulled once the unit has sent {value} bytes, and is back two seconds later.',
    value: { ...anyByte, usual: 1_500 },
  },
  {
    name: 'cut-in',
    say: 'The cable is pulled once the unit has received {value} bytes, and is back two seconds later.',
    value: { ...anyByte, usual: 1_500 },
  },
  {
    name: 'corrupt',
    say: 'The line is noisy: on average one of {value} bytes has one bit changed, in both directions.',
    // Below 100 nothing but noise is left of a frame of 127 bytes.
    value: { unit: 'bytes', least: 100, most: 1_000_000, usual: 4_000 },
  },
  {
    name: 'duplicate',
    say: 'On average one of {value} replies is sent twice.',
    value: { ...anyReply, usual: 3 },
  },
  { name: 'delay', say: 'Every reply comes {value} ms late.', value: { ...anyWait, usual: 150 } },
  {
    name: 'reorder',
    say: 'On average one of {value} replies comes only after the next one.',
    // With one of one there would never be a next one.
    value: { unit: 'replies', least: 2, most: 1_000, usual: 6 },
  },
  { name: 'echo', say: 'The line echoes: whatever is sent to the unit comes back as well.' },
  {
    name: 'boot-noise',
    say: 'Before its first reply the unit prints {value} bytes of boot messages and noise.',
    value: { unit: 'bytes', least: 1, most: 100_000, usual: 4_000 },
  },
  {
    name: 'wrong-baud',
    say: 'The unit speaks at {value} baud instead of 115,200.',
    value: { unit: 'baud', least: 1_200, most: 921_600, usual: 57_600 },
  },
  {
    name: 'adapter-swap',
    say: 'The adapters were mixed up: this unit and the one of slot {value} answer in each other’s slot.',
    value: anySlot,
  },
  {
    name: 'tpm-delay',
    say: 'The TPM is slow: each of its answers takes {value} ms more.',
    needs: 'tpm',
    value: { ...anyWait, usual: 1_500 },
  },
  {
    name: 'duplicate-ek',
    say: 'The TPM is a copy: it has the endorsement key of the unit of slot {value}.',
    needs: 'tpm',
    value: anySlot,
  },
  {
    name: 'reset-on-open',
    say: 'Opening the port restarts the unit: it prints boot messages and is silent for {value} ms.',
    // A unit is greeted for 20 s.
    value: { unit: 'ms', least: 100, most: 30_000, usual: 1_500 },
  },
  { name: 'stuck-echo', say: 'The firmware is stuck: it answers the greeting and nothing else.' },
  { name: 'stuck-silent', say: 'The firmware is stuck: it answers nothing at all.' },
  {
    name: 'csr-signature',
    say: 'The unit signs its certificate request with a key that is not in it.',
    needs: 'x509',
  },
  { name: 'certificate-bit', say: 'The unit reads back its certificate with one bit changed.', needs: 'x509' },
] as const satisfies readonly PlantedFault[];

/** The sentence of a fault with its value in it; bounds were checked before. */
export function saidOf({ say }: PlantedFault, value: number | undefined): string {
  return value === undefined ? say : say.replace('{value}', groupedDigits(value));
}

/** The value that a fault has when it is told `given`; undefined where it takes none; null where it cannot be that. */
export function valueOf({ value }: PlantedFault, given: number | undefined): number | undefined | null {
  if (value === undefined) return given === undefined ? undefined : null;
  const chosen = given ?? value.usual;
  return chosen !== undefined && Number.isInteger(chosen) && chosen >= value.least && chosen <= value.most
    ? chosen
    : null;
}

function groupedDigits(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
