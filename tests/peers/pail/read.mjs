// The JavaScript pail over the blocks that are left in a space: {blocks: [[cid, base64]…], head: [cid…], key, value}
// on standard input. What it reads, and the root after it puts {key, value} on that head, on standard output.
import * as CRDT from '@web3-storage/pail/crdt'
import * as Clock from '@web3-storage/pail/clock'
import { MemoryBlockstore } from '@web3-storage/pail/block'
import { CID } from 'multiformats/cid'
import { text } from 'node:stream/consumers'

const { blocks: given, head: names, key, value } = JSON.parse(await text(process.stdin))
const blocks = new MemoryBlockstore()
for (const [cid, base64] of given) await blocks.put(CID.parse(cid), Buffer.from(base64, 'base64'))

let head = []
for (const name of names) head = await Clock.advance(blocks, head, CID.parse(name))
const entries = []
for await (const [key, value] of CRDT.entries(blocks, head)) entries.push([key, String(value)])
const got = []
for (const [key] of entries) got.push(String(await CRDT.get(blocks, head, key)))
const put = await CRDT.put(blocks, head, key, CID.parse(value))
console.log(JSON.stringify({
  head: head.map(String).sort(),
  root: String((await CRDT.root(blocks, head)).root),
  entries,
  got,
  put: { root: String(put.root), event: String(put.event.cid) }
}))
