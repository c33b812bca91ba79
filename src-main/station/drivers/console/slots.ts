/**
 * The places for credentials of a unit whose console names them. A new credential goes into a free place; the one before
 * it goes away only after the new one was read back, so that a pulled cable never leaves a unit with none.
 */
import { type Result, failed, ok } from '../../../lib/base/result.ts';
import { consoleFault } from './faults.ts';
import type { ConsoleProfile } from './profile.ts';
import type { ConsoleOrder, Values } from './session.ts';
import { match, parseTemplate } from './template.ts';

type Slots = NonNullable<ConsoleProfile['slots']>;
type Run = (order: Omit<ConsoleOrder, 'step'> & { readonly step: string }) => Promise<Result<void>>;

export interface SlotKeeper {
  /** Sets the value `slot` to a free place: an empty one first, then one with a key and no certificate, which is emptied. */
  takeFree(values: Values): Promise<Result<void>>;
  /** Whether any place holds a certificate. */
  holdsAny(values: Values): Promise<Result<boolean>>;
  /** Empties all places but the one in use. */
  retireOthers(values: Values): Promise<Result<void>>;
}

export function createSlotKeeper(slots: Slots, run: Run): SlotKeeper {
  const item = parseTemplate(slots.item) ?? [];
  const kindsIn = async (values: Values, slot: string): Promise<Result<ReadonlySet<string>>> => {
    const found = new Set<string>();
    const known = new Map([['slot', slot]]);
    const listed = await run({
      step: 'list',
      command: slots.list,
      values: new Map([...values, ['slot', slot]]),
      onLine: (line) => {
        const kind = match(item, line, known)?.get('kind');
        if (kind !== undefined) found.add(kind);
      },
    });
    return listed.ok ? ok(found) : listed;
  };
  const drop = async (values: Values, slot: string): Promise<Result<void>> => {
    for (const command of slots.drop) {
      const dropped = await run({ step: 'drop', command, values: new Map([...values, ['slot', slot]]) });
      if (!dropped.ok) return dropped;
    }
    return ok();
  };
  return {
    async takeFree(values) {
      let halfFull: string | undefined;
      for (const slot of slots.names) {
        const held = await kindsIn(values, slot);
        if (!held.ok) return held;
        if (held.value.has(slots.certificateKind)) continue;
        if (held.value.size === 0) {
          values.set('slot', slot);
          return ok();
        }
        halfFull ??= slot;
      }
      if (halfFull === undefined) return failed(consoleFault('console-slots-full'));
      values.set('slot', halfFull);
      // A key without a certificate is nobody's credential: an earlier run was cut there.
      return drop(values, halfFull);
    },
    async holdsAny(values) {
      for (const slot of slots.names) {
        const held = await kindsIn(values, slot);
        if (!held.ok) return held;
        if (held.value.has(slots.certificateKind)) return ok(true);
      }
      return ok(false);
    },
    async retireOthers(values) {
      for (const slot of slots.names) {
        if (slot === values.get('slot')) continue;
        const held = await kindsIn(values, slot);
        if (!held.ok) return held;
        const dropped = held.value.size === 0 ? ok() : await drop(values, slot);
        if (!dropped.ok) return dropped;
      }
      return ok();
    },
  };
}
