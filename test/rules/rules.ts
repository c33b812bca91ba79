/** The table of dps-wire section 11. */
export interface Rule {
  readonly number: number;
  readonly says: string;
}

export const rules: readonly Rule[] = [
  { number: 1, says: 'register over HTTP answers 202 exactly' },
  { number: 2, says: 'every answer, a 401 challenge too, is application/json' },
  { number: 3, says: 'status strings are known words in lower case' },
  { number: 4, says: 'the operation id is repeated in every answer' },
  { number: 5, says: 'MQTT: PUBACK before the answer, the answer at QoS 1, $rid first' },
  { number: 6, says: 'AMQP: one data section, retry-after in both spellings' },
  { number: 7, says: 'AMQP: the correlation id is echoed in its type' },
  { number: 8, says: 'SASL TPM: exactly two segments, 80 and C1' },
  { number: 9, says: 'SAS verified over the raw sr, skn optional or empty' },
  { number: 10, says: 'a TPM challenge has keyName and no status' },
  { number: 11, says: 'TPM blobs: 16-byte inner key, 32-byte HMAC key' },
  { number: 12, says: 'CONNACK says session-present 0, always' },
  { number: 13, says: 'response header names in lower case' },
  { number: 14, says: 'routes without case, with a slash at the end' },
  { number: 15, says: 'the server certificate stands a host name check' },
  { number: 16, says: '443 tells a WebSocket upgrade from REST' },
  { number: 17, says: 'a GET poll may carry a body' },
  { number: 18, says: 'payload may be null or a string' },
  { number: 19, says: 'a register body may be empty' },
  { number: 20, says: 'operations stay retrievable for minutes and across connections' },
  { number: 21, says: 'never unassigned; assigning first' },
  { number: 22, says: 'AMQP frames pipelined before our own open are accepted' },
  { number: 23, says: 'issued certificates carry no DNS name but their common name' },
  { number: 24, says: 'UNSUBSCRIBE and DISCONNECT end cleanly' },
];
