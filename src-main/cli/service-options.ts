/** The options of what is asked of a running service. */
import type { TargetOption } from './service-target.ts';

export const callOptions = [
  'weight',
  'tpm-ek',
  'certificate',
  'registration-id',
  'device-id',
  'id',
  'hub',
  'allocation',
  'ca-name',
  'secondary-ca-name',
  'group',
  'key-file',
  'passphrase-file',
  'validity-days',
  'body',
] as const;
export type OwnOption = (typeof callOptions)[number];
export type CallOption = OwnOption | TargetOption;

/** Those that take no value. */
export const everyCallFlags = ['help', 'json'] as const;
export const ownFlags = ['symmetric-key', 'verified'] as const;
export type CallFlag = (typeof ownFlags)[number];
