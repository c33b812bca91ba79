/** Response codes the software TPM gives (Part 2, clause 6.6). */
export const rc = {
  success: 0x000,
  initialize: 0x100,
  authMissing: 0x125,
  authUnavailable: 0x12f,
  commandSize: 0x142,
  commandCode: 0x143,
  authSize: 0x144,
  nvRange: 0x146,
  nvSpace: 0x14b,
  nvDefined: 0x14c,
  objectMemory: 0x902,
  sessionMemory: 0x903,
  referenceH0: 0x910,
  referenceS0: 0x918,
  nvUnavailable: 0x923,
  badTag: 0x01e,
  attributes: 0x082,
  hash: 0x083,
  value: 0x084,
  hierarchy: 0x085,
  type: 0x08a,
  handle: 0x08b,
  range: 0x08d,
  authFail: 0x08e,
  mode: 0x089,
  scheme: 0x092,
  size: 0x095,
  symmetric: 0x096,
  insufficient: 0x09a,
  key: 0x09c,
  policyFail: 0x09d,
  integrity: 0x09f,
  badAuth: 0x0a2,
  binding: 0x0a5,
} as const;

/** A format-one code about parameter `number`, counted from 1. */
export function ofParameter(code: number, number: number): number {
  return code | 0x040 | (number << 8);
}

/** A format-one code about handle `number`, counted from 1. */
export function ofHandle(code: number, number: number): number {
  return code | (number << 8);
}

/** A format-one code about session `number`, counted from 1. */
export function ofSession(code: number, number: number): number {
  return code | 0x800 | (number << 8);
}
