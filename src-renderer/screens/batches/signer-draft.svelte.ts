/** A signer of the supervisor's own, on its way in: the PKCS#12 file and its passphrase, held only until it is open. */
import type { SignerView } from '../../../src-main/contract/views.ts';
import { toBase64 } from '../../../src-main/lib/base/bytes.ts';
import type { Station } from '../../state/station.svelte.ts';
import { Task } from '../../state/task.svelte.ts';
import { words } from '../../words/words.ts';

// The contract takes no larger one; a PKCS#12 with a chain of ten is below 32 kB.
const maxFileBytes = 131_072;
const say = words.batches.signerFile;

export interface PickedFile {
  readonly name: string;
  readonly size: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface OpenedSigner {
  readonly signerId: string;
  readonly signers: readonly SignerView[];
}

export class SignerDraft {
  passphrase = $state('');
  file = $state.raw<PickedFile>();
  isChecked = $state(false);
  readonly task: Task;
  readonly #station: Station;

  readonly #isFileRight = $derived(this.file !== undefined && this.file.size > 0 && this.file.size <= maxFileBytes);
  readonly fileWrong = $derived(this.isChecked && !this.#isFileRight ? say.fileWrong : undefined);

  constructor(station: Station) {
    this.#station = station;
    this.task = new Task(station.clock);
  }

  async open(): Promise<OpenedSigner | undefined> {
    this.isChecked = true;
    const { file } = this;
    if (file === undefined || !this.#isFileRight) return undefined;
    const base64 = toBase64(new Uint8Array(await file.arrayBuffer()));
    const opened = await this.task.run(() =>
      this.#station.ask('signer.open', { file: base64, passphrase: this.passphrase }),
    );
    // Open or not, it is typed again: a passphrase does not stay in a field.
    this.passphrase = '';
    if (opened === undefined) return undefined;
    this.file = undefined;
    this.isChecked = false;
    return opened;
  }
}
