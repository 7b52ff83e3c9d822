// Archives both ways: reads one of ours (base64 on stdin), writes what it says, and one by a fresh RSA key.
import * as rsa from '@ucanto/principal/rsa'
import * as ed25519 from '@ucanto/principal/ed25519'
import { Verifier } from '@ucanto/principal'
import { Delegation, DID, UCAN } from '@ucanto/core'
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto
let input = ''
for await (const chunk of process.stdin) input += chunk
const { archive, audience } = JSON.parse(input)
const { ok, error } = await Delegation.extract(new Uint8Array(Buffer.from(archive, 'base64')))
if (error) throw error
const verified = await UCAN.verifySignature(ok.data, Verifier.parse(ok.issuer.did()))
const browser = await rsa.generate()
const space = await ed25519.generate()
const to = DID.parse(audience)
const capabilities = [{ can: 'test/*', with: space.did(), nb: { text: 'a' } }]
const first = await Delegation.delegate({ issuer: space, audience: browser, capabilities, expiration: Infinity })
const second = await Delegation.delegate({
  issuer: browser, audience: to, capabilities, proofs: [first], expiration: Infinity, facts: [{ by: 'RSA', size: 1.5 }]
})
const { ok: theirs } = await second.archive()
process.stdout.write(JSON.stringify({
  verified,
  cid: ok.cid.toString(),
  issuer: ok.issuer.did(),
  proofs: ok.proofs.map(proof => proof.issuer.did()),
  capabilities: ok.capabilities,
  facts: ok.facts,
  theirs: Buffer.from(theirs).toString('base64'),
  space: space.did()
}))
