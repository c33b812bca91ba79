/** An enrollment made by hand: a TPM by its endorsement key, X.509 by a certificate file. */
import type { CallInput } from '../../../src-main/contract/calls.ts';
import { toBase64 } from '../../../src-main/lib/base/bytes.ts';
import type { Clock } from '../../../src-main/lib/base/clock.ts';
import { Task } from '../../state/task.svelte.ts';
import { words } from '../../words/words.ts';
import type { ServiceScreen } from './service.svelte.ts';

export type EnrollKind = CallInput<'service.enroll'>['kind'];

// The contract takes 64,000 characters; base64 grows by a third.
const maxFileBytes = 48_000;
const pemMark = '-----BEGIN';

export interface PickedFile {
  readonly name: string;
  readonly size: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export class EnrollDraft {
  kind = $state<EnrollKind>('tpm');
  key = $state('');
  endorsementKey = $state('');
  deviceId = $state('');
  file = $state.raw<{ readonly name: string; readonly material: string }>();
  isFileWrong = $state(false);
  isChecked = $state(false);
  isDone = $state(false);
  readonly task: Task;
  readonly #screen: ServiceScreen;

  readonly isTpm = $derived(this.kind === 'tpm');
  readonly isGroup = $derived(this.kind === 'x509-group');
  readonly #keyFits = $derived(fitsId(this.key) || (this.key.trim() === '' && !this.isGroup));
  readonly #ekFits = $derived(!this.isTpm || isBase64(this.endorsementKey));
  readonly #fileFits = $derived(this.isTpm || this.file !== undefined);
  readonly keyWrong = $derived(this.isChecked && !this.#keyFits ? words.service.keyWrong : undefined);
  readonly ekWrong = $derived(this.isChecked && !this.#ekFits ? words.service.ekWrong : undefined);
  readonly fileWrong = $derived(
    this.isFileWrong || (this.isChecked && !this.#fileFits) ? words.service.fileWrong : undefined,
  );

  constructor(screen: ServiceScreen, clock: Clock) {
    this.#screen = screen;
    this.task = new Task(clock);
  }

  async take(picked: PickedFile | undefined): Promise<void> {
    this.file = undefined;
    this.isFileWrong = picked !== undefined && !(await this.#read(picked));
  }

  async submit(): Promise<void> {
    this.isChecked = true;
    this.isDone = false;
    if (!this.#keyFits || !this.#ekFits || !this.#fileFits) return;
    const key = this.key.trim();
    const deviceId = this.deviceId.trim();
    const material = this.isTpm ? this.endorsementKey.replace(/\s/g, '') : (this.file?.material ?? '');
    const isDone = await this.#screen.send(this.task, 'service.enroll', {
      kind: this.kind,
      material,
      ...(key === '' ? {} : { key }),
      ...(deviceId === '' || this.isGroup ? {} : { deviceId }),
    });
    if (!isDone) return;
    this.isDone = true;
    this.isChecked = false;
    this.key = '';
    this.endorsementKey = '';
    this.deviceId = '';
    this.file = undefined;
  }

  async #read(picked: PickedFile): Promise<boolean> {
    if (picked.size === 0 || picked.size > maxFileBytes || !/\.(pem|cer|crt)$/i.test(picked.name)) return false;
    const bytes = new Uint8Array(await picked.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    this.file = { name: picked.name, material: text.includes(pemMark) ? text : toBase64(bytes) };
    return true;
  }
}

// DPS: up to 128 of these; the service says more precisely what it refuses.
const fitsId = (text: string): boolean => /^[A-Za-z0-9\-._:]{1,128}$/.test(text.trim());

function isBase64(text: string): boolean {
  const bare = text.replace(/\s/g, '');
  return bare !== '' && bare.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(bare);
}
