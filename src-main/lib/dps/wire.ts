/** The JSON of the provisioning service (dps-wire 1.3 to 1.5, 1.9, 7): schemas at the border, for both ends. */
import { z } from 'zod';

const registrationStatuses = ['unassigned', 'assigning', 'assigned', 'failed', 'disabled'] as const;

const base64Digits = /^[A-Za-z0-9+/]*={0,2}$/;
const base64 = z.string().regex(base64Digits);

/**
 * Decoded. The public area of the largest key that a TPM makes (RSA of 4,096 bits, with a policy) has some 600 bytes (TPM
 * 2.0 Part 2, clause 12.2.4); whoever sends one has proven nothing yet.
 */
export const maxTpmPublicBytes = 1_024;
/** The same in base64. */
export const maxTpmPublicText = Math.ceil(maxTpmPublicBytes / 3) * 4;

const tpmPublic = z.string().max(maxTpmPublicText).regex(base64Digits);

/** dps-wire 1.3: what a device sends. Some clients send `payload` as null or as a string, or nothing at all.
 * What else is in it is passed over unread: it comes before any proof. */
export const deviceRegistration = z.object({
  registrationId: z.string().nullish(),
  tpm: z.object({ endorsementKey: tpmPublic, storageRootKey: tpmPublic.nullish() }).nullish(),
  payload: z.unknown().optional(),
  /** Base64 of a PKCS#10 request; those that are too large are refused where they are read. */
  csr: z.string().nullish(),
});
export type DeviceRegistration = z.infer<typeof deviceRegistration>;

/** dps-wire 1.5 and 7.3. */
export const registrationState = z.looseObject({
  registrationId: z.string().nullish(),
  createdDateTimeUtc: z.string().nullish(),
  lastUpdatedDateTimeUtc: z.string().nullish(),
  assignedHub: z.string().nullish(),
  deviceId: z.string().nullish(),
  status: z.enum(registrationStatuses),
  substatus: z.string().nullish(),
  errorCode: z.number().nullish(),
  errorMessage: z.string().nullish(),
  etag: z.string().nullish(),
  payload: z.unknown().optional(),
  issuedCertificateChain: z.array(base64).nullish(),
  tpm: z.looseObject({ authenticationKey: z.string().nullish() }).nullish(),
});
export type RegistrationState = z.infer<typeof registrationState>;

/** dps-wire 1.4. */
export const registrationOperation = z.looseObject({
  operationId: z.string().min(1),
  status: z.enum(registrationStatuses),
  registrationState: registrationState.partial({ status: true }).nullish(),
});
export type RegistrationOperation = z.infer<typeof registrationOperation>;

/** dps-wire 1.8: the 401 that carries an activation blob. */
export const tpmChallenge = z.looseObject({ authenticationKey: base64.min(1), keyName: z.string() });

const attestationTypes = ['none', 'tpm', 'x509', 'symmetricKey'] as const;

const certificate = z.looseObject({ certificate: z.string().nullish(), info: z.unknown().optional() });
const certificatePair = z.looseObject({ primary: certificate.nullish(), secondary: certificate.nullish() });
const referencePair = z.looseObject({ primary: z.string().nullish(), secondary: z.string().nullish() });

export const attestationMechanism = z.looseObject({
  type: z.enum(attestationTypes),
  tpm: z.looseObject({ endorsementKey: base64.min(1), storageRootKey: base64.nullish() }).nullish(),
  x509: z
    .looseObject({
      clientCertificates: certificatePair.nullish(),
      signingCertificates: certificatePair.nullish(),
      caReferences: referencePair.nullish(),
    })
    .nullish(),
  symmetricKey: z.looseObject({ primaryKey: z.string().nullish(), secondaryKey: z.string().nullish() }).nullish(),
});
export type AttestationMechanism = z.infer<typeof attestationMechanism>;

export const allocationPolicies = ['hashed', 'geoLatency', 'static', 'custom'] as const;

const anyObject = z.record(z.string(), z.unknown());

export const initialTwin = z.looseObject({
  tags: anyObject.nullish(),
  properties: z.looseObject({ desired: anyObject.nullish() }).nullish(),
});
export type InitialTwin = z.infer<typeof initialTwin>;

/** dps-wire 0.1: letters, digits and `- . _ :`, at most 128, ending with a letter, a digit or `-`. */
export const registrationId = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9\-._:]*[A-Za-z0-9-]$/);

/** dps-wire 0.1: a hub's device id is case-sensitive and has an alphabet of its own. */
const hubDeviceId = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9\-:.+%_#*?!(),=@;$']+$/);

const enrollmentCommon = {
  attestation: attestationMechanism,
  capabilities: z.looseObject({ iotEdge: z.boolean().nullish() }).nullish(),
  iotHubHostName: z.string().max(253).nullish(),
  initialTwin: initialTwin.nullish(),
  etag: z.string().nullish(),
  provisioningStatus: z.enum(['enabled', 'disabled']).nullish(),
  reprovisionPolicy: z
    .looseObject({ updateHubAssignment: z.boolean().nullish(), migrateDeviceData: z.boolean().nullish() })
    .nullish(),
  createdDateTimeUtc: z.string().nullish(),
  lastUpdatedDateTimeUtc: z.string().nullish(),
  allocationPolicy: z.enum(allocationPolicies).nullish(),
  // dps-wire 8.4: at most 50 linked hubs.
  iotHubs: z.array(z.string().max(253)).max(50).nullish(),
  customAllocationDefinition: z.looseObject({ webhookUrl: z.string(), apiVersion: z.string() }).nullish(),
};

export const individualEnrollment = z.looseObject({
  registrationId,
  deviceId: hubDeviceId.nullish(),
  registrationState: registrationState.partial({ status: true }).nullish(),
  optionalDeviceInformation: anyObject.nullish(),
  ...enrollmentCommon,
});
export type IndividualEnrollment = z.infer<typeof individualEnrollment>;

export const enrollmentGroup = z.looseObject({ enrollmentGroupId: registrationId, ...enrollmentCommon });
export type EnrollmentGroup = z.infer<typeof enrollmentGroup>;

export const bulkModes = ['create', 'update', 'updateIfMatchETag', 'delete'] as const;
export type BulkMode = (typeof bulkModes)[number];

/** dps-wire 7.5. */
export const maxBulkItems = 10;

export const bulkResult = z.looseObject({
  isSuccessful: z.boolean(),
  errors: z
    .array(
      z.looseObject({
        registrationId: z.string().nullish(),
        enrollmentGroupId: z.string().nullish(),
        errorCode: z.number(),
        errorStatus: z.string().nullish(),
      }),
    )
    .nullish(),
});
export type BulkResult = z.infer<typeof bulkResult>;

/** ISO 8601 in UTC with seven fractional digits, as the real service writes it (dps-wire 1.5). */
export function wireTime(iso: string): string {
  return iso.replace(/\.(\d{3})Z$/, '.$10000Z');
}
