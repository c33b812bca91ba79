/** What a scanner may say to a station, by which rules it is told apart, and what was done with it. */
import { z } from 'zod';
import { SlotView } from './views.ts';

const scanKinds = ['serial', 'slot', 'badge', 'command'] as const;
export const scanCommands = ['abort', 'retry', 'confirm', 'cancel'] as const;
export type ScanCommand = (typeof scanCommands)[number];

const ScanRule = z.strictObject({
  kind: z.enum(scanKinds),
  /** `prefix`: what follows the text is the value. `pattern`: the whole code must match, and is the value. */
  by: z.enum(['prefix', 'pattern']),
  text: z.string().min(1).max(100),
});
export type ScanRule = z.infer<typeof ScanRule>;

export const ScanRules = z.strictObject({
  /** The first rule that fits decides; a code that none fits is a serial number. */
  rules: z.array(ScanRule).max(16),
  /** What the scanner itself puts before and after each code. */
  framePrefix: z.string().max(8),
  frameSuffix: z.string().max(8),
  /** The same code again within this time is a double read. */
  blankingMs: z.int().min(0).max(10_000),
  /** Whether the serial number is taken out of GS1 element strings, (21). */
  readsGs1: z.boolean(),
});
export type ScanRules = z.infer<typeof ScanRules>;

export const ScanTaken = z.discriminatedUnion('kind', [
  /** A run of this unit has begun. */
  z.object({ kind: z.literal('serial'), serialNumber: z.string(), slot: SlotView }),
  /** The next serial number, or command, goes to this slot. */
  z.object({ kind: z.literal('slot'), slot: z.int().min(1).max(16) }),
  z.object({ kind: z.literal('badge'), operator: z.string() }),
  z.object({
    kind: z.literal('command'),
    command: z.enum(scanCommands),
    /** The slot as it now is, where the command was for one. */
    slot: SlotView.optional(),
    /** `confirm` and `cancel` answer what the screen asks: the station only says that they were scanned. */
    isDone: z.boolean(),
  }),
  /** A double read: nothing was done. */
  z.object({ kind: z.literal('repeat') }),
]);
export type ScanTaken = z.infer<typeof ScanTaken>;
