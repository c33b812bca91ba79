/** Everything a hub refuses, in the names the Azure SDKs look for, and the status each has on the wires. */
import { faultMaker, type Fault } from '../lib/base/fault.ts';

const table = {
  DeviceNotFound: { say: 'There is no device {deviceId} in this hub.', hint: 'Check the device id, or create it.' },
  DeviceAlreadyExists: {
    say: 'The device {deviceId} is in this hub already.',
    hint: 'Update it, or choose another device id.',
  },
  DeviceNotOnline: {
    say: 'The device {deviceId} is not connected, or does not take method calls.',
    hint: 'Repeat it when the device is connected, or wait longer for it (connectTimeoutInSeconds).',
  },
  DeviceMaximumQueueDepthExceeded: {
    say: 'The device {deviceId} has {limit} messages waiting already.',
    hint: 'Let the device receive them, or purge them.',
  },
  DeviceMessageLockLost: {
    say: 'The message is not held by this lock token.',
    hint: 'Receive it again and settle it with the token that comes with it.',
  },
  PreconditionFailed: {
    say: 'The device {deviceId} was changed by someone else.',
    hint: 'Read it again and repeat the change.',
  },
  IotHubUnauthorizedAccess: { say: 'The credentials were not accepted.', hint: 'Check the connection string.' },
  ArgumentInvalid: { say: 'The request cannot be understood: {reason}.', hint: 'Correct the request.' },
  MessageTooLarge: { say: 'The request is larger than {limit} bytes.', hint: 'Send less at once.' },
  ThrottlingException: { say: 'Too much is being asked at once.', hint: 'Wait a moment and repeat it.' },
  BadDeviceResponse: {
    say: 'The device’s answer cannot be passed on: {reason}.',
    hint: 'Correct the device’s program.',
  },
  GatewayTimeout: {
    say: 'The device {deviceId} did not answer in time.',
    hint: 'Repeat it, or wait longer for the answer (responseTimeoutInSeconds).',
  },
  ServiceUnavailable: { say: 'The hub cannot do that now: {reason}', hint: 'Repeat it in a moment.' },
  ServerError: { say: 'The hub failed at this request.', hint: 'Look at its log.' },
  ResourceNotFound: { say: 'This hub has no such operation.', hint: 'Check the address of the request.' },
} as const;

export type HubFaultCode = keyof typeof table;
export type HubFault = Fault<HubFaultCode>;
export const hubFault = faultMaker(table);

/** Of who may not in. */
export function notAdmitted(
  why: { readonly is: 'refused' } | { readonly is: 'throttled'; readonly retryAfterS: number },
): HubFault {
  return why.is === 'refused'
    ? hubFault('IotHubUnauthorizedAccess')
    : hubFault('ThrottlingException', { retryAfterS: why.retryAfterS });
}

export const httpStatus = {
  DeviceNotFound: 404,
  DeviceAlreadyExists: 409,
  DeviceNotOnline: 404,
  DeviceMaximumQueueDepthExceeded: 403,
  DeviceMessageLockLost: 412,
  PreconditionFailed: 412,
  IotHubUnauthorizedAccess: 401,
  ArgumentInvalid: 400,
  MessageTooLarge: 413,
  ThrottlingException: 429,
  BadDeviceResponse: 502,
  GatewayTimeout: 504,
  ServiceUnavailable: 503,
  ServerError: 500,
  ResourceNotFound: 404,
} as const satisfies Record<HubFaultCode, number>;

/** Where Azure's own number is known and is not the first of its status. */
const numbers: Readonly<Partial<Record<HubFaultCode, number>>> = {
  DeviceNotOnline: 404103,
  DeviceMaximumQueueDepthExceeded: 403004,
  DeviceMessageLockLost: 412002,
  GatewayTimeout: 504101,
};

/** The number a body carries in `errorCode`; Azure's are the status times 1000 plus a small number. */
export function errorNumber(code: HubFaultCode): number {
  return numbers[code] ?? httpStatus[code] * 1000 + 1;
}

/** To a device that asks for its twin; the Node SDK looks for `errorCode` in the body, and at no status. */
export function twinRefusal({ code, say }: HubFault) {
  return { status: httpStatus[code], json: { errorCode: errorNumber(code), message: say } } as const;
}
