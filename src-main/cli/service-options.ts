/** The options of what is asked of a running service. */
import type { TargetOption } from './service-target.ts';

export const callOptions = [
  'weight',
  'connection-string-file',
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
export type CallOption = (typeof callOptions)[number] | TargetOption;

/** Those that take no value. */
export const callFlags = ['help', 'json', 'symmetric-key', 'verified'] as const;
