/** The topics of the device API over MQTT (dps-wire 2.2). */

export type DeviceRequest =
  | { readonly is: 'register'; readonly requestId: string }
  | { readonly is: 'poll'; readonly requestId: string; readonly operationId: string };

/** The one filter that a device may subscribe to. */
export const responseFilter = '$dps/registrations/res/#';

const registerPath = '$dps/registrations/PUT/iotdps-register/?';
const pollPath = '$dps/registrations/GET/iotdps-get-operationstatus/?';

/**
 * Undefined when it is none of ours. The request id is kept as it came: each client compares it with what it sent, and
 * what else the query holds (`forceRegistration`, dps-wire 1.1) changes nothing.
 */
export function parseRequestTopic(topic: string): DeviceRequest | undefined {
  if (topic.startsWith(registerPath)) {
    const requestId = parameterOf(topic.slice(registerPath.length), '$rid');
    return requestId === undefined ? undefined : { is: 'register', requestId };
  }
  if (!topic.startsWith(pollPath)) return undefined;
  const query = topic.slice(pollPath.length);
  const requestId = parameterOf(query, '$rid');
  const operationId = parameterOf(query, 'operationId');
  if (requestId === undefined || operationId === undefined) return undefined;
  return { is: 'poll', requestId, operationId };
}

/** Of those with the same name, the first; undefined when it is absent or empty. */
function parameterOf(query: string, name: string): string | undefined {
  const prefix = `${name}=`;
  const found = query.split('&').find((parameter) => parameter.startsWith(prefix));
  return found === undefined || found.length === prefix.length ? undefined : found.slice(prefix.length);
}

/**
 * `$rid` first, `retry-after` in lower case and only where the device shall ask again: one client splits at `$`, one
 * at `&`, one scans for the word (dps-wire 2.2).
 */
export function responseTopic(status: number, requestId: string, retryAfterS?: number): string {
  const topic = `$dps/registrations/res/${status}/?$rid=${requestId}`;
  return retryAfterS === undefined ? topic : `${topic}&retry-after=${retryAfterS}`;
}
