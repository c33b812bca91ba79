/** How long a port host may take. */

export interface PortHostLimits {
  readonly pingEveryMs: number;
  /** A host that says nothing for this long hangs. */
  readonly silentMs: number;
  /** USB drivers have been seen to take seconds to open. */
  readonly openTimeoutMs: number;
  readonly closeTimeoutMs: number;
}

export const defaultPortHostLimits: PortHostLimits = {
  pingEveryMs: 1_000,
  // A loaded station starts and schedules slowly; a driver that blocks longer blocks for good.
  silentMs: 8_000,
  openTimeoutMs: 15_000,
  closeTimeoutMs: 3_000,
};
