/** The rules of the scanner while they are edited: one prefix a kind; rules by pattern are kept as they are. */
import type { ScanRule, ScanRules } from '../../../src-main/contract/scan.ts';
import type { App } from '../../state/app.svelte.ts';
import { Task } from '../../state/task.svelte.ts';

export const prefixKinds = ['slot', 'badge', 'command', 'serial'] as const;
export type PrefixKind = (typeof prefixKinds)[number];

export class ScannerDraft {
  readonly loading: Task;
  readonly saving: Task;
  prefixes = $state<Record<PrefixKind, string>>({ slot: '', badge: '', command: '', serial: '' });
  framePrefix = $state('');
  frameSuffix = $state('');
  blanking = $state('');
  gs1 = $state<'yes' | 'no'>('yes');
  kept = $state.raw<readonly ScanRule[]>([]);
  readonly blankingFits = $derived(/^\d{1,5}$/.test(this.blanking.trim()) && Number(this.blanking) <= 10_000);
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
    this.loading = new Task(app.clock);
    this.saving = new Task(app.clock);
  }

  async open(): Promise<void> {
    const rules = await this.loading.run(() => this.#app.station.ask('scan.rules', {}));
    if (rules !== undefined) this.#show(rules);
  }

  async save(): Promise<void> {
    if (!this.blankingFits) return;
    const rules = await this.saving.run(() => this.#app.station.ask('scan.setRules', { rules: this.rules() }));
    if (rules !== undefined) this.#show(rules);
  }

  rules(): ScanRules {
    const byPrefix = prefixKinds.flatMap((kind): ScanRule[] => {
      const text = this.prefixes[kind].trim();
      return text === '' ? [] : [{ kind, by: 'prefix', text }];
    });
    return {
      rules: [...byPrefix, ...this.kept],
      framePrefix: this.framePrefix,
      frameSuffix: this.frameSuffix,
      blankingMs: Number(this.blanking),
      readsGs1: this.gs1 === 'yes',
    };
  }

  /** The first prefix of a kind stands in its field; every further rule is kept beside it. */
  #show(rules: ScanRules): void {
    const shown = prefixKinds.map((kind) => rules.rules.find((rule) => rule.kind === kind && rule.by === 'prefix'));
    for (const [at, kind] of prefixKinds.entries()) this.prefixes[kind] = shown[at]?.text ?? '';
    this.kept = rules.rules.filter((rule) => !shown.includes(rule));
    this.framePrefix = rules.framePrefix;
    this.frameSuffix = rules.frameSuffix;
    this.blanking = String(rules.blankingMs);
    this.gs1 = rules.readsGs1 ? 'yes' : 'no';
  }
}
