// The original's server as an oracle: requests in, what came of them out, one JSON document each way.
//   in   {service, seed, keys: {did: did:key}, cases: [{now, request: base64, revoked: [{ucan, by}]}]}
//   out  [{status} | {ok} | {error: name, message}]
import * as ed25519 from '@ucanto/principal/ed25519'
import { Verifier } from '@ucanto/principal'
import { ok, error } from '@ucanto/core'
import * as CAR from '@ucanto/transport/car'
import * as Server from '@ucanto/server'
import { capability, Schema, URI, DIDResolutionError } from '@ucanto/validator'
import { create as revocationChecker } from '@storacha/upload-api/utils/revocation'
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto
let input = ''
for await (const chunk of process.stdin) input += chunk
const { service: did, seed, keys, cases } = JSON.parse(input)
const signer = (await ed25519.derive(Buffer.from(seed, 'hex'))).withDID(did)

const did_ = URI.match({ protocol: 'did:' })
const nb = Schema.struct({ text: Schema.string().optional(), number: Schema.integer().optional() })
const echo = capability({ can: 'test/echo', with: did_, nb })
const read = capability({ can: 'test/read', with: did_, nb })
const done = async ({ capability }) => ({ ok: { with: capability.with, nb: capability.nb ?? {} } })

const run = async ({ now, request, revoked }) => {
  Date.now = () => now * 1000
  const revocationsStorage = {
    query: async query => {
      const found = {}
      for (const { ucan, by } of revoked) {
        if (query[ucan]) (found[ucan] ??= {})[by] = { cause: ucan }
      }
      return ok(found)
    }
  }
  const server = Server.create({
    id: signer,
    codec: CAR.inbound,
    service: { test: { echo: Server.provide(echo, done), read: Server.provide(read, done) } },
    principal: Verifier,
    resolveDIDKey: did => (keys[did] ? ok([keys[did]]) : error(new DIDResolutionError(did))),
    ...revocationChecker({ revocationsStorage })
  })
  const headers = { 'content-type': 'application/vnd.ipld.car', accept: 'application/vnd.ipld.car' }
  const response = await server.request({ headers, body: new Uint8Array(Buffer.from(request, 'base64')) })
  if (response.status && response.status !== 200) return { status: response.status }
  const message = await CAR.response.decode(response)
  const [receipt] = message.receipts.values()
  const { out } = receipt
  return out.ok ? { ok: out.ok } : { error: out.error.name, message: out.error.message }
}

const outcomes = []
for (const one of cases) {
  try {
    outcomes.push(await run(one))
  } catch (err) {
    outcomes.push({ status: 'thrown', message: String(err?.message ?? err) })
  }
}
process.stdout.write(JSON.stringify(outcomes))
