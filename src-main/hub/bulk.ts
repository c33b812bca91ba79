/** Many registry changes in one call and one commit, each succeeding or failing on its own (dps-wire section 10.1). */
import { failed } from '../lib/base/result.ts';
import {
  changeServiceTwin,
  createDevice,
  removeDevice,
  updateDevice,
  type ChangeScope,
  type Outcome,
} from './device-changes.ts';
import { errorNumber, hubFault, type HubFault } from './hub-fault.ts';
import { isObject, objectMember, textMember, type Json, type JsonObject } from './json.ts';

export const maxBulkDevices = 100; // IoT Hub's limit for one call

export function runBulk(scope: ChangeScope, items: readonly Json[]): JsonObject {
  const errors: JsonObject[] = [];
  for (const item of items) {
    const body = isObject(item) ? item : {};
    const deviceId = textMember(body, 'id') ?? textMember(body, 'deviceId') ?? '';
    const outcome = runOne(scope, deviceId, body);
    if (!outcome.ok) errors.push(bulkError(deviceId, outcome.fault));
  }
  return { isSuccessful: errors.length === 0, errors, warnings: [] };
}

function bulkError(deviceId: string, fault: HubFault): JsonObject {
  return { deviceId, errorCode: errorNumber(fault.code), errorStatus: fault.say };
}

function runOne(scope: ChangeScope, deviceId: string, item: JsonObject): Outcome<unknown> {
  const asked = (textMember(item, 'importMode') ?? 'createOrUpdate').toLowerCase();
  const mode = asked.replace(/ifmatchetag$/, '');
  const etag = mode === asked ? undefined : etagOf(item);
  switch (mode) {
    case 'create':
      return createWithTwin(scope, deviceId, item);
    case 'createorupdate':
      return scope.devices.get(deviceId) === undefined
        ? createWithTwin(scope, deviceId, item)
        : updateDevice(scope, deviceId, item, etag);
    case 'update':
      return updateDevice(scope, deviceId, item, etag);
    case 'delete':
      return removeDevice(scope, deviceId, etag);
    case 'updatetwin':
      return changeServiceTwin(scope, deviceId, {
        body: item,
        how: 'merge',
        ifMatch: etag === undefined ? undefined : (textMember(item, 'twinETag') ?? etag),
      });
    default:
      return failed(hubFault('ArgumentInvalid', { reason: 'importMode is not one this hub knows' }));
  }
}

/** Spelled in either way; a missing one matches nothing. */
function etagOf(item: JsonObject): string {
  return textMember(item, 'eTag') ?? textMember(item, 'etag') ?? '';
}

/** A new device may bring its first tags and desired properties along; without them it is not made either. */
function createWithTwin(scope: ChangeScope, deviceId: string, item: JsonObject): Outcome<unknown> {
  const made = createDevice(scope, deviceId, item);
  const brings = objectMember(item, 'tags') !== undefined || objectMember(item, 'properties') !== undefined;
  if (!made.ok || !brings) return made;
  const twin = changeServiceTwin(scope, deviceId, { body: item, how: 'merge', ifMatch: undefined });
  if (!twin.ok) scope.devices.remove(deviceId);
  return twin;
}
