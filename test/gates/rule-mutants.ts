/** For each rule of dps-wire section 11 the wrong line that its test must find. */
export interface RuleMutant {
  readonly rule: number;
  /** In src-main. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const ruleMutants: readonly RuleMutant[] = [
  {
    rule: 1,
    file: 'service/http/device-api.ts',
    find: 'return { status: 202, headers,',
    replace: 'return { status: 200, headers,',
  },
  {
    rule: 2,
    file: 'service/http/wire-error.ts',
    find: "'content-type': 'application/json; charset=utf-8'",
    replace: "'content-type': 'text/html'",
  },
  {
    rule: 3,
    file: 'service/core/registration-desk.ts',
    find: 'status: outcome.status, registrationState: state',
    replace: 'status: outcome.status.toUpperCase(), registrationState: state',
  },
  {
    rule: 4,
    file: 'service/core/registration-desk.ts',
    find: 'json: { operationId: operation.id, status:',
    replace: 'json: { status:',
  },
  {
    rule: 5,
    file: 'lib/listen/mqtt-broker.ts',
    find: "callback(allowed ? null : new Error('publish refused'));",
    replace: 'if (allowed) hooks.published(connection, messageOf(packet)); setTimeout(() => callback(null), 2_000);',
  },
  {
    rule: 5,
    file: 'service/mqtt/device-wire.ts',
    find: 'payload: asciiJson(json), qos: 1 }',
    replace: 'payload: asciiJson(json), qos: 0 }',
  },
  {
    rule: 5,
    file: 'service/mqtt/topics.ts',
    find: 'topic : `${topic}&retry-after=${retryAfterS}`',
    replace: "topic : topic.replace('?', `?retry-after=${retryAfterS}&`)",
  },
  {
    rule: 6,
    file: 'service/amqp/amqp-error.ts',
    find: "'retry-after': seconds, 'Retry-After': seconds",
    replace: "'retry-after': seconds",
  },
  {
    rule: 6,
    file: 'lib/listen/amqp-message.ts',
    find: 'dataSection(Buffer.from(data))',
    replace: 'Buffer.from(data).toString()',
  },
  {
    rule: 7,
    file: 'lib/listen/amqp-message.ts',
    find: 'rheaTypes.wrap_string(text)',
    replace: 'rheaTypes.wrap_binary(Buffer.from(text))',
  },
  {
    rule: 8,
    file: 'service/amqp/tpm-segments.ts',
    find: 'control.valid | control.last | 1',
    replace: 'control.valid | control.last',
  },
  {
    rule: 9,
    file: 'lib/dps/sas.ts',
    find: 'utf8(`${rawResource}\\n${expiry}`)',
    replace: 'utf8(`${encodeURIComponent(resource)}\\n${expiry}`)',
  },
  {
    rule: 9,
    file: 'service/core/claim.ts',
    find: "(keyName === '' || keyName === 'registration')",
    replace: "keyName === 'registration'",
  },
  {
    rule: 10,
    file: 'service/http/device-api.ts',
    find: "keyName: 'registration',",
    replace: "status: 'unassigned',",
  },
  {
    rule: 11,
    file: 'lib/tpm/credential.ts',
    find: 'credential: innerKey, seed',
    replace: 'credential: concatBytes(innerKey, innerKey), seed',
  },
  {
    rule: 12,
    file: 'service/mqtt/device-wire.ts',
    find: "cleanSession: 'always'",
    replace: "cleanSession: 'as-asked'",
  },
  {
    rule: 13,
    file: 'service/http/device-api.ts',
    find: "'retry-after': String(",
    replace: "'Retry-After': String(",
  },
  {
    rule: 14,
    file: 'service/http/routes.ts',
    find: "new RegExp(`^${pattern}$`, 'i')",
    replace: 'new RegExp(`^${pattern}$`)',
  },
  { rule: 14, file: 'service/http/routes.ts', find: 'withoutSlashesAtEnd(request.path)', replace: 'request.path' },
  {
    rule: 15,
    file: 'lib/x509/authority.ts',
    find: 'new SubjectAlternativeNameExtension(names)',
    replace: 'new SubjectAlternativeNameExtension([])',
  },
  {
    rule: 16,
    file: 'lib/listen/device-web-sockets.ts',
    find: "['/$iothub/websocket', '/', '/mqtt']",
    replace: "['/$iothub/websocket', '/mqtt']",
  },
  {
    rule: 16,
    file: 'lib/listen/https-server.ts',
    find: 'options.webSocket !== undefined && asksForWebSocket(request)',
    replace: 'false && asksForWebSocket(request)',
  },
  {
    rule: 17,
    file: 'service/http/front.ts',
    find: "request.method === 'GET' ? ok : parsedBody(request.body)",
    replace: "request.method === 'GET' && request.header('content-length') ? undefined : parsedBody(request.body)",
  },
  {
    rule: 18,
    file: 'lib/dps/wire.ts',
    find: 'payload: z.unknown().optional(),\n  /** Base64 of a PKCS#10',
    replace: 'payload: z.looseObject({}).optional(),\n  /** Base64 of a PKCS#10',
  },
  {
    rule: 19,
    file: 'service/core/registration-body.ts',
    find: 'deviceRegistration.safeParse(json ?? {})',
    replace: 'deviceRegistration.safeParse(json)',
  },
  {
    rule: 19,
    file: 'service/core/registration-body.ts',
    find: "text === '' ? { value: undefined } : parseJson(text)",
    replace: 'parseJson(text)',
  },
  {
    rule: 20,
    file: 'service/core/registration-worker.ts',
    find: 'const keepDoneMs = 60 * 60_000;',
    replace: 'const keepDoneMs = 60_000;',
  },
  {
    rule: 21,
    file: 'service/core/registration-desk.ts',
    find: "operationId: operationIdText,\n    status: 'assigning',",
    replace: "operationId: operationIdText,\n    status: 'unassigned',",
  },
  {
    rule: 22,
    file: 'lib/listen/amqp-guard.ts',
    find: 'state.opened = true;',
    replace: 'setImmediate(() => (state.opened = true));',
  },
  {
    rule: 23,
    file: 'lib/x509/device-certificate.ts',
    find: 'new BasicConstraintsExtension(false, undefined, true),',
    replace:
      "new BasicConstraintsExtension(false, undefined, true), new (await import('./peculiar.ts')).SubjectAlternativeNameExtension([{ type: 'dns', value: 'unit.example' }]),",
  },
  {
    rule: 24,
    file: 'lib/listen/mqtt-broker.ts',
    find: 'state.hooks.unsubscribed(link.connection, filters);',
    replace: 'link.client.close();',
  },
];
