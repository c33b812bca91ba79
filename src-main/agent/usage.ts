/** What `benchline agent --help` says. */
export const agentUsage = `benchline agent --port PORT --attestation tpm|x509 --state DIR --serial-number SN [options]

One virtual device, or a real board: it answers the bench, and on its first boot it provisions itself.

  --port pty | pty:SYMLINK | tcp:HOST:PORT | serial:PATH
                                   where the bench reaches it
  --attestation tpm|x509           what it proves itself with
  --protocol bench-link|tpm-tunnel what it speaks with the bench (bench-link); the tunnel only forwards to its TPM
  --state DIR                      what it keeps
  --serial-number SN               what its label says
  --tpm swtpm|software|device:PATH its TPM (swtpm)
  --ca FILE                        PEM of what its firmware trusts
  --key KIND                       p256, p384, rsa2048, rsa3072 or rsa4096: the one kind of key it makes
  --mqtts-port N                   where its hub takes MQTT over TLS (8883)
  --ready-file FILE                written once it answers
  --fault FAULT                    a planted fault, for tests and training; several may be given
  --fault-seed N                   what is left to chance is the same for the same N (1)`;
