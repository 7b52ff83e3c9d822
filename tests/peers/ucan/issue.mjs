// Issues what it is asked to, so that our blocks can be compared: DAG-JSON in, CIDs and payloads out.
import * as ed25519 from '@ucanto/principal/ed25519'
import { Delegation, DID, UCAN } from '@ucanto/core'
import * as json from '@ipld/dag-json'

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const { seed, issuer: did, audience, cases } = json.decode(Buffer.concat(chunks))
const key = await ed25519.derive(Buffer.from(seed, 'hex'))
const issuer = did === key.did() ? key : key.withDID(did)
const issued = []
for (const { capabilities, facts, expiration, notBefore, nonce, proofs } of cases) {
  const delegation = await Delegation.delegate({
    issuer,
    audience: DID.parse(audience),
    capabilities,
    facts,
    proofs,
    expiration: expiration ?? Infinity,
    ...(notBefore == null ? {} : { notBefore }),
    ...(nonce == null ? {} : { nonce })
  })
  const { ok } = await delegation.archive()
  issued.push({
    cid: delegation.cid.toString(),
    payload: UCAN.format(delegation.data).split('.').slice(0, 2).join('.'),
    archive: Buffer.from(ok).toString('base64')
  })
}
process.stdout.write(JSON.stringify(issued))
