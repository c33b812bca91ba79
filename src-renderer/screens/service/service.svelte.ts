/** The provisioning service as this station may see and control it. */
import type { CallInput, CallName } from '../../../src-main/contract/calls.ts';
import type { FaultView } from '../../../src-main/contract/messages.ts';
import type { ServiceView } from '../../../src-main/contract/views.ts';
import type { App } from '../../state/app.svelte.ts';
import { Task } from '../../state/task.svelte.ts';
import { words } from '../../words/words.ts';

type ServiceCall = Extract<CallName, `service.${string}`>;

// Devices connect and register in bursts; the picture needs to follow, not to flicker.
const refreshEveryMs = 500;

export class ServiceScreen {
  view = $state.raw<ServiceView>();
  fault = $state.raw<FaultView>();
  loadedMs = $state(0);
  isLoading = $state(false);
  readonly linking: Task;
  readonly policy: Task;
  readonly unlinking: Task;
  connectionString = $state('');
  weight = $state('1');
  isChecked = $state(false);
  linkedHost = $state<string>();
  unlinkHost = $state<string>();
  readonly #app: App;
  #cancelRefresh: (() => void) | undefined;

  readonly hostName = $derived(/HostName=([^;]+)/i.exec(this.connectionString)?.[1]);
  readonly linkWrong = $derived(
    this.isChecked && !isConnectionString(this.connectionString) ? words.service.linkWrong : undefined,
  );
  readonly weightWrong = $derived(this.isChecked && !isWeight(this.weight) ? words.service.weightWrong : undefined);

  constructor(app: App) {
    this.#app = app;
    this.linking = new Task(app.clock);
    this.policy = new Task(app.clock);
    this.unlinking = new Task(app.clock);
  }

  open(): () => void {
    void this.load();
    const stop = this.#app.station.onRows((rows) => {
      if (rows.service) this.#refreshSoon();
    });
    return () => {
      stop();
      this.#cancelRefresh?.();
    };
  }

  async load(): Promise<void> {
    this.isLoading = true;
    const answer = await this.#app.station.ask('service.get', {});
    this.isLoading = false;
    if (answer.ok) this.show(answer.value);
    else this.fault = answer.fault;
  }

  show(view: ServiceView): void {
    this.view = view;
    this.fault = undefined;
    this.loadedMs = this.#app.clock.nowMs();
  }

  async setPolicy(allocationPolicy: 'hashed' | 'static'): Promise<void> {
    await this.send(this.policy, 'service.setPolicy', { allocationPolicy });
  }

  async link(): Promise<void> {
    this.isChecked = true;
    this.linkedHost = undefined;
    if (!isConnectionString(this.connectionString) || !isWeight(this.weight)) return;
    const host = this.hostName;
    const connectionString = this.connectionString.trim();
    if (!(await this.send(this.linking, 'service.linkHub', { connectionString, weight: Number(this.weight) }))) return;
    this.linkedHost = host;
    // It holds a key: it does not stay on the screen once it has done its work.
    this.connectionString = '';
    this.weight = '1';
    this.isChecked = false;
  }

  async unlink(hostName: string): Promise<void> {
    this.unlinkHost = undefined;
    await this.send(this.unlinking, 'service.unlinkHub', { hostName });
  }

  async send<Name extends ServiceCall>(task: Task, name: Name, payload: CallInput<Name>): Promise<boolean> {
    const view = await task.run(() => this.#app.station.ask(name, payload));
    if (view !== undefined) this.show(view);
    return view !== undefined;
  }

  #refreshSoon(): void {
    if (this.#cancelRefresh !== undefined) return;
    this.#cancelRefresh = this.#app.clock.after(refreshEveryMs, () => {
      this.#cancelRefresh = undefined;
      void this.load();
    });
  }
}

function isConnectionString(text: string): boolean {
  return ['HostName', 'SharedAccessKeyName', 'SharedAccessKey'].every((part) =>
    new RegExp(`(^|;)\\s*${part}=[^;]+`, 'i').test(text),
  );
}

const isWeight = (text: string): boolean => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1_000;
