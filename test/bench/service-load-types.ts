/** What the benchmark's programs tell each other: the load generator, the constant server and their starter. */

export type ServiceProof = 'x509-group' | 'symmetric-group' | 'tpm';
export type ServiceProtocol = 'https' | 'mqtt' | 'amqp';

/** One simulated device: what its proof needs of it. */
export interface LoadDevice {
  readonly registrationId: string;
  /** X.509: its certificate with its issuer's. The key is the load's `deviceKeyPem`. */
  readonly certificatePem?: string;
  /** Symmetric: base64. */
  readonly key?: string;
}

/** Every simulated TPM has the same two keys: the constant server can answer all of them with one blob. */
export interface LoadTpm {
  readonly endorsementKey: string;
  readonly storageRootKey: string;
  readonly endorsementKeyPem: string;
  readonly storageRootKeyPem: string;
}

export interface Load {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
  readonly idScope: string;
  readonly protocol: ServiceProtocol;
  readonly proof: ServiceProof;
  readonly deviceKeyPem: string;
  readonly tpm: LoadTpm | undefined;
  readonly devices: readonly LoadDevice[];
}

export type LoadOrder =
  | { readonly order: 'prepare'; readonly load: Load }
  /** All of the prepared devices, so many at a time. */
  | { readonly order: 'run'; readonly atOnce: number }
  /** All of the prepared devices, so many a second, whatever comes back. */
  | { readonly order: 'pace'; readonly perSecond: number }
  /** MQTT connections that say nothing more, kept until `leave`. */
  | { readonly order: 'idle' }
  | { readonly order: 'leave' }
  | { readonly order: 'handshakes'; readonly count: number; readonly atOnce: number };

export interface LoadReport {
  readonly ms: number;
  readonly done: number;
  readonly failures: readonly string[];
  readonly polls: number;
  /** For each registration: the sum of its response times. */
  readonly responseMs: readonly number[];
  /** For each registration: from before it connects until it is assigned. */
  readonly wholeMs: readonly number[];
}

export const nothingDone: LoadReport = { ms: 0, done: 0, failures: [], polls: 0, responseMs: [], wholeMs: [] };
