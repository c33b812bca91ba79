/** The terms of a batch while they are typed: sensible to begin with, and told in words what does not fit. */
import type { BatchTerms, BatchView, ProfileView, SignerView } from '../../../src-main/contract/views.ts';
import type { Station } from '../../state/station.svelte.ts';
import { Task } from '../../state/task.svelte.ts';
import { words } from '../../words/words.ts';

const { wrong: say } = words.batches.form;
export type TermField = keyof typeof say;

export class TermsDraft {
  name = $state('');
  product = $state('');
  quantity = $state('100');
  attestation = $state<BatchTerms['attestation']>('mixed');
  enrollmentKind = $state<BatchTerms['enrollmentKind']>('group');
  signerId = $state<string>();
  keyAlgorithm = $state<BatchTerms['keyAlgorithm']>('p256');
  deviceIdTemplate = $state('{registrationId}');
  registrationIdTemplate = $state('');
  serialPattern = $state('.+');
  ekCertificatePolicy = $state<BatchTerms['ekCertificatePolicy']>('prefer');
  deviceProfile = $state('bench-link');
  initialTwin = $state('');
  goldenSamples = $state<'no' | 'yes'>('no');
  lockUnits = $state<'no' | 'yes'>('no');
  profiles = $state.raw<readonly ProfileView[]>([]);
  isChecked = $state(false);
  signers = $state.raw<readonly SignerView[]>([]);
  readonly task: Task;
  readonly loading: Task;
  readonly #station: Station;

  readonly needsSigner = $derived(this.attestation !== 'tpm');
  /** Of the device that was chosen; empty as long as the station has not told its profiles. */
  readonly attestations = $derived(
    this.profiles.find((one) => one.profileId === this.deviceProfile)?.attestations ?? [],
  );
  readonly takesTpm = $derived(this.attestation !== 'x509');
  /** Everything that does not fit, whether it is shown yet or not. */
  readonly faults = $derived.by((): Partial<Record<TermField, string>> => {
    const found: Partial<Record<TermField, string>> = {};
    for (const [field, fits] of Object.entries(this.#fits()) as [TermField, boolean][]) {
      if (!fits) found[field] = say[field];
    }
    return found;
  });
  readonly wrong = $derived(this.isChecked ? this.faults : {});

  constructor(station: Station) {
    this.#station = station;
    this.task = new Task(station.clock);
    this.loading = new Task(station.clock);
  }

  /** Begins where the last batch left off: most batches repeat one. */
  async open(last: BatchView | undefined): Promise<void> {
    if (last !== undefined) this.#repeat(last.terms);
    const [answer, profiles] = await Promise.all([
      this.loading.run(() => this.#station.ask('signer.list', {})),
      this.#station.ask('profile.list', {}),
    ]);
    if (profiles.ok) this.profiles = profiles.value.profiles;
    this.signers = answer?.signers ?? [];
    if (!this.signers.some((signer) => signer.signerId === this.signerId)) this.signerId = this.signers[0]?.signerId;
  }

  /** A device that gives one kind of proof only decides on it. */
  chooseProfile(profileId: string): void {
    this.deviceProfile = profileId;
    const [only, ...others] = this.attestations;
    if (only !== undefined && others.length === 0) this.attestation = only;
  }

  /** A signer that was just opened is the one that was meant. */
  take(opened: { readonly signerId: string; readonly signers: readonly SignerView[] }): void {
    this.signers = opened.signers;
    this.signerId = opened.signerId;
  }

  async submit(): Promise<BatchView | undefined> {
    this.isChecked = true;
    if (Object.keys(this.faults).length > 0) return undefined;
    return this.task.run(() => this.#station.ask('batch.open', { terms: this.terms() }));
  }

  terms(): BatchTerms {
    const registrationIdTemplate = this.registrationIdTemplate.trim();
    const initialTwin = this.initialTwin.trim();
    return {
      name: this.name.trim(),
      product: this.product.trim(),
      quantity: Number(this.quantity),
      attestation: this.attestation,
      enrollmentKind: this.enrollmentKind,
      ...(this.needsSigner && this.signerId !== undefined ? { signerId: this.signerId } : {}),
      keyAlgorithm: this.keyAlgorithm,
      deviceIdTemplate: this.deviceIdTemplate.trim(),
      ...(registrationIdTemplate === '' ? {} : { registrationIdTemplate }),
      serialPattern: this.serialPattern,
      ekCertificatePolicy: this.ekCertificatePolicy,
      deviceProfile: this.deviceProfile,
      ...(this.goldenSamples === 'yes' ? { goldenSamples: true } : {}),
      ...(this.lockUnits === 'yes' ? { lockUnits: true } : {}),
      ...(initialTwin === '' ? {} : { initialTwin }),
    };
  }

  #fits(): Record<TermField, boolean> {
    const quantity = Number(this.quantity);
    const registrationId = this.registrationIdTemplate.trim();
    return {
      name: isShort(this.name, 80),
      product: isShort(this.product, 80),
      quantity: /^\d+$/.test(this.quantity.trim()) && quantity >= 1 && quantity <= 100_000,
      serialPattern: isShort(this.serialPattern, 200) && isPattern(this.serialPattern),
      deviceIdTemplate:
        isShort(this.deviceIdTemplate, 128) && /\{(registrationId|serialNumber)\}/.test(this.deviceIdTemplate),
      registrationIdTemplate:
        registrationId === '' || (isShort(registrationId, 128) && registrationId.includes('{serialNumber}')),
      initialTwin: isTwin(this.initialTwin),
      signerId: !this.needsSigner || this.signerId !== undefined,
    };
  }

  #repeat(terms: BatchTerms): void {
    this.product = terms.product;
    this.quantity = String(terms.quantity);
    this.attestation = terms.attestation;
    this.enrollmentKind = terms.enrollmentKind;
    this.signerId = terms.signerId;
    this.keyAlgorithm = terms.keyAlgorithm;
    this.deviceIdTemplate = terms.deviceIdTemplate;
    this.registrationIdTemplate = terms.registrationIdTemplate ?? '';
    this.serialPattern = terms.serialPattern;
    this.ekCertificatePolicy = terms.ekCertificatePolicy;
    this.deviceProfile = terms.deviceProfile;
    this.goldenSamples = terms.goldenSamples === true ? 'yes' : 'no';
    this.lockUnits = terms.lockUnits === true ? 'yes' : 'no';
    this.initialTwin = terms.initialTwin ?? '';
  }
}

const isShort = (text: string, most: number): boolean => text.trim() !== '' && text.trim().length <= most;

/** Whether it can be read at all; it is never run here: the station has a matcher that no pattern can stop. */
function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u').source !== '';
  } catch {
    return false;
  }
}

function isTwin(text: string): boolean {
  if (text.trim() === '') return true;
  try {
    const twin = JSON.parse(text) as unknown;
    return text.length <= 8_000 && typeof twin === 'object' && twin !== null && !Array.isArray(twin);
  } catch {
    return false;
  }
}
