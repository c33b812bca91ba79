/** What a hub refuses, in the conditions that the SDKs look for over AMQP. */
import type { AmqpError } from '../lib/listen/amqp.ts';
import { httpStatus, type HubFault, type HubFaultCode } from './hub-fault.ts';

const conditions: Readonly<Partial<Record<HubFaultCode, string>>> = {
  DeviceAlreadyExists: 'com.microsoft:device-already-exists',
  DeviceMaximumQueueDepthExceeded: 'amqp:resource-limit-exceeded',
  DeviceMessageLockLost: 'com.microsoft:message-lock-lost',
  PreconditionFailed: 'com.microsoft:precondition-failed',
  ArgumentInvalid: 'com.microsoft:argument-error',
  MessageTooLarge: 'amqp:link:message-size-exceeded',
  ThrottlingException: 'com.microsoft:device-container-throttled',
};

export function amqpErrorOf({ code, say }: HubFault): AmqpError {
  return { condition: conditions[code] ?? conditionOf(httpStatus[code]), description: say };
}

function conditionOf(status: number): string {
  if (status === 401) return 'amqp:unauthorized-access';
  if (status === 404) return 'amqp:not-found';
  return status >= 500 ? 'amqp:internal-error' : 'amqp:not-allowed';
}

export const unauthorized: AmqpError = {
  condition: 'amqp:unauthorized-access',
  description: 'The credentials were not accepted.',
};
