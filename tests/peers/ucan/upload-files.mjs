// The original Storacha client makes a space that is public, and uploads a file and a directory:
// node upload-files.mjs <url> <did>
// prints {"space","file","size","directory","shards","removed"} once all of it is there.
import * as Client from '@storacha/client'
import { StoreMemory } from '@storacha/client/stores/memory'
import { connect } from '@ucanto/client'
import { CAR, HTTP } from '@ucanto/transport'
import { DID } from '@ucanto/core'

const [url, did] = process.argv.slice(2)
const conn = connect({ id: DID.parse(did), codec: CAR.outbound, channel: HTTP.open({ url: new URL(url), method: 'POST' }) })
const serviceConf = { access: conn, upload: conn, filecoin: conn, gateway: conn }
const client = await Client.create({ store: new StoreMemory(), serviceConf, receiptsEndpoint: new URL('/receipt/', url) })
const account = await client.login('files@example.com')
const space = await client.createSpace('files', { account })
await client.setCurrentSpace(space.did())

const bytes = n => Uint8Array.from({ length: n }, (_, i) => (i * 31 + (i >> 8)) % 251)
const size = 2_700_000
const shards = []
const options = { shardSize: 1 << 21, onShardStored: meta => shards.push(String(meta.cid)) }
const file = await client.uploadFile(new Blob([bytes(size)]), options)
const directory = await client.uploadDirectory([
  Object.assign(new Blob([bytes(1000)]), { name: 'a/small.bin' }),
  Object.assign(new Blob(['text']), { name: 'b.txt' })
])
const gone = await client.uploadFile(new Blob(['to be removed']))
await client.remove(gone, { shards: true })
const listed = (await client.capability.upload.list()).results.map(each => String(each.root))
console.log(JSON.stringify({ space: space.did(), file: String(file), size, directory: String(directory), shards, gone: String(gone), listed, info: await client.capability.space.info(space.did()) }))
