/** Randomness and identifiers as a port, so that tests can choose them. */

export interface Random {
  /** `count` bytes from a cryptographic source. */
  bytes(count: number): Uint8Array;
  /** RFC 9562 version 4, lower case. */
  uuid(): string;
  /** A number in [0, 1): for jitter only, never for a secret. */
  fraction(): number;
}
