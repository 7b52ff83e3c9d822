// How long `@atproto/repo` takes to verify a repository, which it holds whole in memory and stores nowhere.
//
//   node verify_repo_car.mjs REPO.car DID SIGNING_KEY
//
// DID and SIGNING_KEY (a did:key): whose commit it must be. Prints {"seconds", "records", "node"}.
import { readFileSync } from 'node:fs'
import { verifyRepoCar } from '@atproto/repo'

const [file, did, signingKey] = process.argv.slice(2)
const car = new Uint8Array(readFileSync(file))
const start = performance.now()
const { creates } = await verifyRepoCar(car, did, signingKey)
const seconds = (performance.now() - start) / 1000
process.stdout.write(JSON.stringify({ seconds, records: creates.length, node: process.version }) + '\n')
