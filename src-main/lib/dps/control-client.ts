/** Our own admin API under /benchline/v1/: what a cloud's control plane does for DPS (linked hubs, policy, counts). */
import { z } from 'zod';
import type { CancelSignal } from '../base/cancel.ts';
import { ok, type Result } from '../base/result.ts';
import type { HttpsCall } from './https-call.ts';
import {
  createSignedCaller,
  parsed,
  type Page,
  type PageRequest,
  type SignedCaller,
  type ServiceClientOptions,
  type ServiceClientParts,
} from './service-client.ts';

/** The policies a whole service may have (dps-wire 8.2) of those this version carries out. */
export const serviceAllocationPolicies = ['hashed', 'static'] as const;
export type ServiceAllocationPolicy = (typeof serviceAllocationPolicies)[number];

export const linkedHubRequest = z.object({
  /** Of a policy that may write the registry (dps-wire 8.1); verified against the hub before it is accepted. */
  connectionString: z.string().max(2_048),
  /** dps-wire 8.1: 1 to 1,000. */
  allocationWeight: z.int().min(1).max(1_000).optional(),
  applyAllocationPolicy: z.boolean().optional(),
});
export type LinkedHubRequest = z.infer<typeof linkedHubRequest>;

export const linkedHubView = z.object({
  hostName: z.string(),
  allocationWeight: z.number(),
  applyAllocationPolicy: z.boolean(),
});
export type LinkedHubView = z.infer<typeof linkedHubView>;

export const hubDeviceView = z.object({
  deviceId: z.string(),
  authenticationType: z.string(),
  status: z.string(),
  connectionState: z.string(),
  lastActivityTime: z.string().nullable(),
});
export type HubDeviceView = z.infer<typeof hubDeviceView>;

export const serviceCounts = z.object({
  enrollments: z.number(),
  enrollmentGroups: z.number(),
  registrations: z.number(),
  linkedHubs: z.number(),
});
export type ServiceCounts = z.infer<typeof serviceCounts>;

export const registrationRow = z.object({
  registrationId: z.string(),
  status: z.string(),
  assignedHub: z.string().nullable(),
  deviceId: z.string().nullable(),
  substatus: z.string().nullable(),
  /** Of a failed one (dps-wire 1.9); a service of before did not say it. */
  errorCode: z.number().nullish(),
  errorMessage: z.string().nullable(),
  lastUpdatedDateTimeUtc: z.string(),
});
export type RegistrationRow = z.infer<typeof registrationRow>;

/** A CA certificate that enrollments may name (dps-wire 5.4). */
export const caCertificateRequest = z.object({
  /** PEM, or base64 of DER. */
  certificate: z.string().max(65_536),
  /** An administrator vouches for it; otherwise its owner proves that the key is theirs. */
  isVerified: z.boolean().nullish(),
});
export type CaCertificateRequest = z.infer<typeof caCertificateRequest>;

export const caProofRequest = caCertificateRequest.pick({ certificate: true });

export const caCertificateView = z.object({
  name: z.string(),
  subject: z.string(),
  sha256Thumbprint: z.string(),
  notAfterUtc: z.string(),
  isVerified: z.boolean(),
  createdDateTimeUtc: z.string(),
  lastUpdatedDateTimeUtc: z.string(),
});
export type CaCertificateView = z.infer<typeof caCertificateView>;

export const verificationCodeView = z.object({ name: z.string(), verificationCode: z.string() });
export type VerificationCodeView = z.infer<typeof verificationCodeView>;

/** Who issues the operational certificates of a group or a device. */
export const signerRequest = z.object({
  /** PEM: the issuing CA first, then what is above it. */
  certificates: z.string().max(65_536),
  /** PKCS#8, PKCS#1 or SEC 1 in PEM. */
  privateKey: z.string().max(16_384),
  /** A device lives 20 years at the most. */
  validityDays: z.int().min(1).max(7_305).nullish(),
});
export type SignerRequest = z.infer<typeof signerRequest>;

export const signerView = z.object({
  kind: z.enum(['individual', 'group']),
  id: z.string(),
  subject: z.string(),
  sha256Thumbprint: z.string(),
  notAfterUtc: z.string(),
  validityDays: z.number(),
});
export type SignerView = z.infer<typeof signerView>;

/** An enrollment as the admin API names it. */
export interface SignerOwner {
  readonly kind: SignerView['kind'];
  readonly id: string;
}

export const allocationView = z.object({ policy: z.enum(serviceAllocationPolicies) });

export interface ControlClient {
  counts(signal?: CancelSignal): Promise<Result<ServiceCounts>>;
  linkedHubs(signal?: CancelSignal): Promise<Result<readonly LinkedHubView[]>>;
  /** Links a hub, or changes how it is linked; the host name is the connection string's. */
  linkHub(hub: LinkedHubRequest, signal?: CancelSignal): Promise<Result<LinkedHubView>>;
  /** Devices that are there stay there (dps-wire 8.2). */
  unlinkHub(hostName: string, signal?: CancelSignal): Promise<Result<void>>;
  /** As the hub's own registry gives them. */
  devicesOfHub(hostName: string, signal?: CancelSignal): Promise<Result<readonly HubDeviceView[]>>;
  registrations(page?: PageRequest): Promise<Result<Page<RegistrationRow>>>;
  allocationPolicy(signal?: CancelSignal): Promise<Result<ServiceAllocationPolicy>>;
  setAllocationPolicy(policy: ServiceAllocationPolicy, signal?: CancelSignal): Promise<Result<void>>;
  caCertificates(signal?: CancelSignal): Promise<Result<readonly CaCertificateView[]>>;
  addCaCertificate(name: string, ca: CaCertificateRequest, signal?: CancelSignal): Promise<Result<CaCertificateView>>;
  /** A new code for its owner to sign; the one of before is worth nothing from then on. */
  verificationCode(name: string, signal?: CancelSignal): Promise<Result<VerificationCodeView>>;
  verifyCaCertificate(name: string, proof: string, signal?: CancelSignal): Promise<Result<CaCertificateView>>;
  /** Refused while an enrollment names it. */
  removeCaCertificate(name: string, signal?: CancelSignal): Promise<Result<void>>;
  signers(signal?: CancelSignal): Promise<Result<readonly SignerView[]>>;
  /** The key goes in and never comes out. */
  setSigner(owner: SignerOwner, signer: SignerRequest, signal?: CancelSignal): Promise<Result<SignerView>>;
  removeSigner(owner: SignerOwner, signal?: CancelSignal): Promise<Result<void>>;
  close(): void;
}

const root = '/benchline/v1';

export function createControlClient(options: ServiceClientOptions, parts: ServiceClientParts): ControlClient {
  const caller = createSignedCaller(options, parts);
  const get = async <T>(path: string, schema: z.ZodType<T>, signal: CancelSignal | undefined): Promise<Result<T>> => {
    const reply = await caller.call({ method: 'GET', path: root + path, signal });
    return reply.ok ? parsed(caller, schema, reply.value.json) : reply;
  };
  const hubPath = (hostName: string): string => `/linkedHubs/${encodeURIComponent(hostName)}`;
  return {
    counts: (signal) => get('/counts', serviceCounts, signal),
    linkedHubs: (signal) => get('/linkedHubs', linkedHubView.array(), signal),
    async linkHub(hub, signal) {
      const reply = await caller.call({ method: 'PUT', path: `${root}/linkedHubs`, json: hub, signal });
      return reply.ok ? parsed(caller, linkedHubView, reply.value.json) : reply;
    },
    async unlinkHub(hostName, signal) {
      const reply = await caller.call({ method: 'DELETE', path: root + hubPath(hostName), signal });
      return reply.ok ? ok() : reply;
    },
    devicesOfHub: (hostName, signal) => get(`${hubPath(hostName)}/devices`, hubDeviceView.array(), signal),
    async registrations(page = {}) {
      const query = new URLSearchParams({
        ...(page.maxItems === undefined ? {} : { top: String(page.maxItems) }),
        ...(page.continuation === undefined ? {} : { continuation: page.continuation }),
      });
      const path = `${root}/registrations?${query.toString()}`;
      const reply = await caller.call({ method: 'GET', path, signal: page.signal });
      if (!reply.ok) return reply;
      const items = parsed(caller, registrationRow.array(), reply.value.json);
      return items.ok ? ok({ items: items.value, continuation: reply.value.headers['x-ms-continuation'] }) : items;
    },
    async allocationPolicy(signal) {
      const view = await get('/allocationPolicy', allocationView, signal);
      return view.ok ? ok(view.value.policy) : view;
    },
    async setAllocationPolicy(policy, signal) {
      const reply = await caller.call({ method: 'PUT', path: `${root}/allocationPolicy`, json: { policy }, signal });
      return reply.ok ? ok() : reply;
    },
    ...caCertificatesOver(caller),
    ...signersOver(caller),
    close: () => {
      caller.close();
    },
  };
}

type CaCalls = Pick<
  ControlClient,
  'caCertificates' | 'addCaCertificate' | 'verificationCode' | 'verifyCaCertificate' | 'removeCaCertificate'
>;

function caCertificatesOver(caller: SignedCaller): CaCalls {
  const all = `${root}/certificates`;
  const pathOf = (name: string): string => `${all}/${encodeURIComponent(name)}`;
  const ask = async <T>(request: HttpsCall, schema: z.ZodType<T>): Promise<Result<T>> => {
    const reply = await caller.call(request);
    return reply.ok ? parsed(caller, schema, reply.value.json) : reply;
  };
  return {
    caCertificates: (signal) => ask({ method: 'GET', path: all, signal }, caCertificateView.array()),
    addCaCertificate: (name, json, signal) =>
      ask({ method: 'PUT', path: pathOf(name), json, signal }, caCertificateView),
    verificationCode: (name, signal) =>
      ask({ method: 'POST', path: `${pathOf(name)}/generateVerificationCode`, signal }, verificationCodeView),
    verifyCaCertificate: (name, certificate, signal) =>
      ask({ method: 'POST', path: `${pathOf(name)}/verify`, json: { certificate }, signal }, caCertificateView),
    async removeCaCertificate(name, signal) {
      const reply = await caller.call({ method: 'DELETE', path: pathOf(name), signal });
      return reply.ok ? ok() : reply;
    },
  };
}

type SignerCalls = Pick<ControlClient, 'signers' | 'setSigner' | 'removeSigner'>;

function signersOver(caller: SignedCaller): SignerCalls {
  const all = `${root}/signers`;
  const pathOf = ({ kind, id }: SignerOwner): string =>
    `${all}/${kind === 'group' ? 'enrollmentGroups' : 'enrollments'}/${encodeURIComponent(id)}`;
  return {
    async signers(signal) {
      const reply = await caller.call({ method: 'GET', path: all, signal });
      return reply.ok ? parsed(caller, signerView.array(), reply.value.json) : reply;
    },
    async setSigner(owner, json, signal) {
      const reply = await caller.call({ method: 'PUT', path: pathOf(owner), json, signal });
      return reply.ok ? parsed(caller, signerView, reply.value.json) : reply;
    },
    async removeSigner(owner, signal) {
      const reply = await caller.call({ method: 'DELETE', path: pathOf(owner), signal });
      return reply.ok ? ok() : reply;
    },
  };
}
