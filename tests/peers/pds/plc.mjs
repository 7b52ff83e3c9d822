// A did:plc directory in memory: the reference server, with three things put right for tests.
import http from 'node:http'
import plcServer from '@did-plc/server'
import { validateOperationLog } from '@did-plc/lib'

export const HOST = '127.0.0.1'

const DID_PATH = /^\/(did:plc:[a-z2-7]{24})$/

/** Starts a directory on `port`; `dump()` answers every operation, in the audit log's form. */
export const startPlc = async (port, { legacyDidDocs = false } = {}) => {
  const db = plcServer.Database.mock()
  const dump = () => allOperations(db)
  answerExport(db, dump)
  hideNullified(db)
  const plc = plcServer.PlcServer.create({ db, port, version: 'testbed' })
  plc.app.listen = (port) =>
    http
      .createServer(async (request, response) => {
        const match = request.method === 'GET' && DID_PATH.exec(request.url.replaceAll('%3A', ':'))
        const operations = match && !legacyDidDocs ? await db.opsForDid(match[1]) : []
        if (!operations.length) return plc.app(request, response)
        answerDocument(response, match[1], await validateOperationLog(match[1], operations).catch(() => null))
      })
      .listen(port, HOST)
  await plc.start()
  return { url: `http://localhost:${port}`, dump, stop: () => plc.destroy() }
}

const allOperations = (db) =>
  Object.values(db.contents)
    .flat()
    .map((operation) => ({
      ...operation,
      cid: operation.cid.toString(),
      createdAt: operation.createdAt.toISOString(),
    }))
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0))

/** The mock database leaves /export empty. */
const answerExport = (db, dump) => {
  db.exportOps = async (count, after) =>
    dump()
      .filter((operation) => !after || new Date(operation.createdAt) > after)
      .slice(0, count)
}

/** The mock database lets an operation build on a nullified one: show it the live ones only. */
const hideNullified = (db) => {
  const add = db.validateAndAddOp.bind(db)
  db.validateAndAddOp = async (did, operation) => {
    const known = db.contents[did] ?? []
    const nullified = known.filter((entry) => entry.nullified)
    db.contents[did] = known.filter((entry) => !entry.nullified)
    try {
      await add(did, operation)
    } finally {
      db.contents[did] = [...nullified, ...db.contents[did]].sort((a, b) => a.createdAt - b.createdAt)
    }
  }
}

const answerDocument = (response, did, state) => {
  const type = state ? 'application/did+ld+json; charset=utf-8' : 'application/json'
  response.writeHead(state ? 200 : 410, { 'content-type': type, 'access-control-allow-origin': '*' })
  response.end(JSON.stringify(state ? didDocument(state) : { message: `DID not available: ${did}` }))
}

/** The npm release (0.0.1) still answers the form of before 2023 (fragment ids, raw uncompressed
 * keys); the public directory answers Multikey, as here. */
const didDocument = (state) => ({
  '@context': [
    'https://www.w3.org/ns/did/v1',
    'https://w3id.org/security/multikey/v1',
    ...new Set(Object.values(state.verificationMethods).map(suiteOf)),
  ],
  id: state.did,
  alsoKnownAs: state.alsoKnownAs,
  verificationMethod: Object.entries(state.verificationMethods).map(([id, key]) => ({
    id: `${state.did}#${id}`,
    type: 'Multikey',
    controller: state.did,
    publicKeyMultibase: key.replace(/^did:key:/, ''),
  })),
  service: Object.entries(state.services).map(([id, service]) => ({
    id: `#${id}`,
    type: service.type,
    serviceEndpoint: service.endpoint,
  })),
})

const suiteOf = (key) =>
  key.startsWith('did:key:zDn')
    ? 'https://w3id.org/security/suites/ecdsa-2019/v1'
    : 'https://w3id.org/security/suites/secp256k1-2019/v1'
