/** Every bound of the link with its reason; the clauses of docs/bench-link.md name them. */
import type { LinkLimits } from './types.ts';

/** [LINK-4.1] What MCUmgr uses where firmware says nothing (CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE). */
export const defaultBufferBytes = 384;
/** [LINK-4.2] Below this a chunk of a request would carry less than ten bytes. */
export const minBufferBytes = 64;
/** [LINK-4.2] Larger buffers gain nothing on a serial line; also the longest packet either end reads. */
export const maxBufferBytes = 4_096;
/** [LINK-4.3] Firmware reads the length field and the CRC of the framing into the same buffer. */
export const framingBytes = 4;
/** [LINK-6.2] A chain of eight certificates of 2 KiB fits; a TPM buffer is at most 4 KiB. */
export const maxParcelBytes = 16_384;
/** [LINK-5.3] Longer chains are not issued by anyone a device could trust. */
export const maxChainLength = 8;
/** [LINK-6.5] A station repeats its newest request only; the rest is slack for one that crashed and was replaced. */
export const maxRememberedResults = 8;
/** [LINK-6.5] A remembered result is a public key, a CSR, a hash or a fault; RSA-4096 CSRs are below 2 KiB. */
export const maxRememberedBytes = 4_096;
/** Requests a device holds while it is busy with one packet; a station keeps one under way, so more are repeats. */
export const maxWaitingPackets = 16;
/** Callers that may wait for the line at once: a run asks in sequence; a screen polls the status beside it. */
export const maxWaitingExchanges = 32;
/** [LINK-6.9] Most TPM commands end within it; a tenth of what a station waits for an answer. */
export const answerHoldMs = 200;
/** Times a request is sent again from its first byte (restarted device, corrupted parcel) before the link is given up. */
export const maxRequestRounds = 3;

export const defaultLimits: LinkLimits = {
  // A full packet at 9,600 baud takes 0.6 s each way; firmware answers from a cooperative thread.
  replyTimeoutMs: 2_000,
  // Three losses in a row on one line are a broken line, not noise.
  attempts: 3,
  // Boards boot for up to ten seconds before they listen.
  connectTimeoutMs: 20_000,
  echoEveryMs: 300,
  // RSA-4096 on a TPM has been seen to take more than 15 s, and 40 s under load.
  requestTimeoutMs: 60_000,
  askFirstMs: 4,
  askMaxMs: 250,
};
