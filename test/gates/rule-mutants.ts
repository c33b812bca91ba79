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
    rule: 9,
    file: 'lib/dps/sas.ts',
    find: 'utf8(`${token.rawResource}\\n${token.expiresAtS}`)',
    replace: 'utf8(`${encodeURIComponent(token.resource)}\\n${token.expiresAtS}`)',
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
  { rule: 14, file: 'service/http/routes.ts', find: "request.path.replace(/\\/+$/, '')", replace: 'request.path' },
  {
    rule: 15,
    file: 'lib/x509/authority.ts',
    find: 'new SubjectAlternativeNameExtension(names)',
    replace: 'new SubjectAlternativeNameExtension([])',
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
    find: 'payload: z.unknown().optional(),\n});\nexport type DeviceRegistration',
    replace: 'payload: z.looseObject({}).optional(),\n});\nexport type DeviceRegistration',
  },
  {
    rule: 19,
    file: 'service/http/device-api.ts',
    find: 'deviceRegistration.safeParse(json ?? {})',
    replace: 'deviceRegistration.safeParse(json)',
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
    rule: 23,
    file: 'lib/x509/device-certificate.ts',
    find: 'new BasicConstraintsExtension(false, undefined, true),',
    replace:
      "new BasicConstraintsExtension(false, undefined, true), new (await import('./peculiar.ts')).SubjectAlternativeNameExtension([{ type: 'dns', value: 'unit.example' }]),",
  },
];
