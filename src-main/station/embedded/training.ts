/** Training: plants a fault in a virtual unit, shows that its slot is in training, and takes the fault away. */
import { join } from 'node:path';
import { faultMaker } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { type PlantedFault, saidOf, trainingFaults, valueOf } from '../../lib/planted/catalogue.ts';
import type { SlotView } from '../../contract/views.ts';
import type { Bench } from '../bench/bench.ts';
import { benchFault } from '../bench/faults.ts';
import type { VirtualBench, VirtualUnit } from './virtual-bench.ts';

const trainingFault = faultMaker({
  'training-no-unit': {
    say: 'Slot {slot} has no virtual unit.',
    hint: 'Choose a slot with a virtual unit: a real one cannot be told to fail.',
  },
  'training-unknown': { say: 'There is no fault {name}.', hint: 'Choose one of the list.' },
  'training-value': { say: 'The fault {name} cannot have this value.', hint: 'Choose a value from {least} to {most}.' },
  'training-not-this-unit': {
    say: 'The unit of slot {slot} cannot have the fault {name}.',
    hint: 'Choose a slot whose unit proves itself with {needs}.',
  },
  'training-same-slot': { say: 'The other slot cannot be slot {slot} itself.', hint: 'Choose another slot.' },
});

interface Chosen {
  readonly name: string;
  readonly value?: number;
}

export interface Training {
  /** Resolves when the unit is there again. Without a fault: as it should be. */
  setFault(slot: number, fault: Chosen | undefined): Promise<Result<SlotView>>;
}

export interface TrainingParts {
  readonly bench: Bench;
  /** Undefined until the virtual units are there. */
  units(): VirtualBench | undefined;
  /** Where each slot finds its unit: what is swapped when adapters are. */
  readonly ports: Map<number, string>;
  readonly folder: string;
}

/** Of a slot: the fault, with its value and sentence. */
type Shown = NonNullable<SlotView['virtualFault']>;

export function createTraining(parts: TrainingParts): Training {
  const held = new Map<number, Shown>();
  const show = (slot: number, shown: Shown | undefined): void => {
    if (shown === undefined) held.delete(slot);
    else held.set(slot, shown);
    parts.bench.train(slot, shown);
  };
  const { bench } = parts;
  const change = async (slot: number, next: Plan | undefined): Promise<Result<void>> => {
    const swapped = held.get(slot);
    // Whatever it had is taken away first, also from the slot that it shared it with.
    if (swapped?.name === 'adapter-swap' && swapped.value !== undefined) {
      swap(parts.ports, slot, swapped.value);
      show(swapped.value, undefined);
    }
    show(slot, undefined);
    const restarted = await restart(parts, slot, next);
    if (next === undefined) return restarted;
    if (!restarted.ok) {
      // A unit that does not come up with its fault is of more use without it than not at all.
      await restart(parts, slot, undefined);
      return restarted;
    }
    show(slot, next.shown);
    if (next.swapWith === undefined) return ok();
    swap(parts.ports, slot, next.swapWith);
    show(next.swapWith, { ...next.shown, value: slot, say: saidOf(next.fault, slot) });
    return ok();
  };
  return {
    async setFault(slot, fault) {
      const view = (): SlotView | undefined => bench.slots().find((one) => one.slot === slot);
      const planned = plan(parts, slot, fault);
      if (!planned.ok) return planned;
      const others = [planned.value?.swapWith, partnerOf(held.get(slot))].filter((one) => one !== undefined);
      const done = await occupyAll(bench, [...new Set([slot, ...others])], () => change(slot, planned.value));
      if (!done.ok) return done;
      const now = view();
      return now === undefined ? failed(benchFault('slot-unknown', { slot, slots: bench.slots().length })) : ok(now);
    },
  };
}

interface Plan {
  readonly fault: PlantedFault;
  readonly shown: Shown;
  /** What the agent is told; nothing where the fault is not the unit's own. */
  readonly word: string | undefined;
  readonly swapWith: number | undefined;
}

function plan(parts: TrainingParts, slot: number, chosen: Chosen | undefined): Result<Plan | undefined> {
  const unit = unitOf(parts, slot);
  if (unit === undefined) return failed(trainingFault('training-no-unit', { slot }));
  if (chosen === undefined) return ok(undefined);
  const { name } = chosen;
  const fault: PlantedFault | undefined = trainingFaults.find((one) => one.name === name);
  if (fault === undefined) return failed(trainingFault('training-unknown', { name }));
  const value = valueOf(fault, chosen.value);
  const { least = 0, most = 0 } = fault.value ?? {};
  if (value === null) return failed(trainingFault('training-value', { name, least, most }));
  const misfit = misfitOf(parts, { slot, unit, fault, value });
  if (!misfit.ok) return misfit;
  const shown = { name, say: saidOf(fault, value), ...(value === undefined ? {} : { value }) };
  const swapWith = name === 'adapter-swap' ? value : undefined;
  return ok({ fault, shown, swapWith, word: wordOf(parts, fault, value) });
}

interface Fitting {
  readonly slot: number;
  readonly unit: VirtualUnit;
  readonly fault: PlantedFault;
  readonly value: number | undefined;
}

function misfitOf(parts: TrainingParts, { slot, unit, fault, value }: Fitting): Result<void> {
  const { name, needs } = fault;
  const units = fault.value?.unit === 'slot' ? [unit, unitOf(parts, value ?? 0)] : [unit];
  if (units.includes(undefined)) return failed(trainingFault('training-no-unit', { slot: value ?? 0 }));
  if (fault.value?.unit === 'slot' && value === slot) return failed(trainingFault('training-same-slot', { slot }));
  const misfit = units.find((one) => needs !== undefined && one?.attestation !== needs);
  if (misfit === undefined) return ok();
  const proof = needs === 'tpm' ? 'a TPM' : 'a certificate';
  return failed(trainingFault('training-not-this-unit', { slot: misfit.slot, name, needs: proof }));
}

function wordOf(parts: TrainingParts, { name }: PlantedFault, value: number | undefined): string | undefined {
  if (name === 'adapter-swap') return undefined;
  if (name === 'duplicate-ek') {
    const original = unitOf(parts, value ?? 0);
    return original === undefined ? undefined : `duplicate-ek=${join(parts.folder, original.serialNumber)}`;
  }
  return value === undefined ? name : `${name}=${String(value)}`;
}

function unitOf(parts: TrainingParts, slot: number): VirtualUnit | undefined {
  return parts.units()?.units.find((unit) => unit.slot === slot);
}

function partnerOf(shown: Shown | undefined): number | undefined {
  return shown?.name === 'adapter-swap' ? shown.value : undefined;
}

async function restart(parts: TrainingParts, slot: number, next: Plan | undefined): Promise<Result<void>> {
  const units = parts.units();
  if (units === undefined) return failed(trainingFault('training-no-unit', { slot }));
  return units.restart(slot, next?.word === undefined ? [] : [next.word]);
}

/** One slot after the other, so that nothing runs in any of them meanwhile. */
function occupyAll(bench: Bench, slots: readonly number[], work: () => Promise<Result<void>>): Promise<Result<void>> {
  const [slot, ...rest] = slots;
  return slot === undefined ? work() : bench.occupy(slot, () => occupyAll(bench, rest, work));
}

function swap(ports: Map<number, string>, one: number, other: number): void {
  const [first, second] = [ports.get(one), ports.get(other)];
  if (first === undefined || second === undefined) return;
  ports.set(one, second);
  ports.set(other, first);
}
