/** What became of one unit, run by run, and the identities that rework took from it: as rows to be read, newest first. */
import type { FaultView } from '../../src-main/contract/messages.ts';
import type { UnitHistoryView } from '../../src-main/contract/recovery-views.ts';
import { ok } from '../../src-main/lib/base/result.ts';
import type { Answer } from '../bridge/client.ts';
import type { HistoryEntry } from '../widgets/history-entry.ts';
import { count, duration, exactly, moments } from '../words/format.ts';
import { words } from '../words/words.ts';
import { faceShapes } from './face-shapes.ts';
import type { Station } from './station.svelte.ts';

const { history: say } = words;
type RunRow = UnitHistoryView['runs'][number];
type Superseded = UnitHistoryView['superseded'][number];

export class UnitHistory {
  view = $state.raw<UnitHistoryView>();
  fault = $state.raw<FaultView>();
  readonly entries = $derived(this.view === undefined ? [] : entriesOf(this.view));
  readonly #station: Station;
  #asked = 0;

  constructor(station: Station) {
    this.#station = station;
  }

  async show(unitId: string): Promise<void> {
    await this.#take(() => this.#station.ask('unit.history', { unitId }));
  }

  /** The unit with this serial number; nothing is shown of one that never had a run. */
  async find(serialNumber: string): Promise<void> {
    await this.#take(async () => {
      const listed = await this.#station.ask('unit.list', { search: serialNumber, limit: 20 });
      if (!listed.ok) return listed;
      const unit = listed.value.items.find((one) => one.serialNumber === serialNumber);
      return unit === undefined ? ok(undefined) : this.#station.ask('unit.history', { unitId: unit.unitId });
    });
  }

  async #take(ask: () => Promise<Answer<UnitHistoryView | undefined>>): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    const answer = await ask();
    // Only the last question counts: what an earlier one asked for is another unit by now, or older.
    if (asked !== this.#asked) return;
    this.fault = answer.ok ? undefined : answer.fault;
    if (answer.ok) this.view = answer.value;
  }
}

function entriesOf({ runs, superseded }: UnitHistoryView): readonly HistoryEntry[] {
  const rows = [
    ...runs.map((run) => ({ atMs: run.startedMs, entry: runEntry(run) })),
    ...superseded.map((one, at) => ({ atMs: one.atMs, entry: supersededEntry(one, superseded.length - at) })),
  ];
  return rows.sort((a, b) => b.atMs - a.atMs).map(({ entry }) => entry);
}

function runEntry({ runId, number, slot, operator, startedMs, endedMs, phase, verdict, fault }: RunRow): HistoryEntry {
  const time = endedMs === undefined ? undefined : duration(endedMs - startedMs);
  const reached = phase === undefined || verdict === 'pass' ? undefined : say.reached(words.phases[phase]);
  const mark =
    verdict === undefined
      ? ({ shape: 'half', tone: 'muted' } as const)
      : ({ shape: faceShapes[verdict], tone: verdict } as const);
  return {
    ...mark,
    key: runId,
    title: say.run(count(number), verdict === undefined ? say.noVerdict : words.faces[verdict]),
    when: moments(startedMs),
    exactly: exactly(startedMs),
    lines: [
      [say.slot(slot), operator, time, reached].filter((part) => part !== undefined && part !== '').join(' · '),
      ...(fault === undefined ? [] : [fault.say]),
    ],
    ...(fault === undefined ? {} : { code: fault.code }),
  };
}

const supersededEntry = (one: Superseded, number: number): HistoryEntry => ({
  key: `superseded ${number}`,
  shape: 'dashed',
  tone: 'muted',
  title: say.superseded,
  when: moments(one.atMs),
  exactly: exactly(one.atMs),
  lines: [words.rework.done(one.reason, one.by), say.was(one.deviceId ?? one.registrationId, moments(one.passedMs))],
});
