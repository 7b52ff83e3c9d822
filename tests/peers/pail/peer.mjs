// The JavaScript pail, driven by the operations on standard input; its answers on standard output.
// {map: [[{op, key, value?} | {op: "batch", entries}]…], clocks: [[{op, replica, …}]…]}
import * as Pail from '@web3-storage/pail'
import * as Batch from '@web3-storage/pail/batch'
import * as CRDT from '@web3-storage/pail/crdt'
import * as CRDTBatch from '@web3-storage/pail/crdt/batch'
import * as Clock from '@web3-storage/pail/clock'
import { MemoryBlockstore } from '@web3-storage/pail/block'
import { ShardBlock } from '@web3-storage/pail/shard'
import { CID } from 'multiformats/cid'
import { text } from 'node:stream/consumers'

const cids = (blocks) => blocks.map((block) => String(block.cid))

async function store (blocks, diff) {
  for (const block of diff.additions) await blocks.put(block.cid, block.bytes)
  if (diff.event) await blocks.put(diff.event.cid, diff.event.bytes)
  return diff
}

async function commit (batch, entries) {
  for (const [key, value] of entries) await batch.put(key, CID.parse(value))
  return batch.commit()
}

async function change (blocks, root, { op, key, value, entries }) {
  if (op === 'put') return Pail.put(blocks, root, key, CID.parse(value))
  if (op === 'del') return Pail.del(blocks, root, key)
  return commit(await Batch.create(blocks, root), entries)
}

async function playMap (ops) {
  const blocks = new MemoryBlockstore()
  const empty = await ShardBlock.create()
  await blocks.put(empty.cid, empty.bytes)
  let root = empty.cid
  const steps = []
  for (const op of ops) {
    const diff = await store(blocks, await change(blocks, root, op))
    root = diff.root
    steps.push({ root: String(root), additions: cids(diff.additions), removals: cids(diff.removals) })
  }
  const entries = []
  for await (const [key, value] of Pail.entries(blocks, root)) entries.push([key, String(value)])
  return { steps, entries }
}

// Replicas share one store. "pull" advances a replica's head by every event of another's.
async function playClock (ops) {
  const blocks = new MemoryBlockstore()
  const heads = {}
  const steps = []
  for (const { op, replica, from, key, value, entries } of ops) {
    let head = heads[replica] ?? []
    let event = null
    if (op === 'pull') {
      for (const other of heads[from] ?? []) head = await Clock.advance(blocks, head, other)
    } else {
      const update = await store(blocks, op === 'put'
        ? await CRDT.put(blocks, head, key, CID.parse(value))
        : await commit(await CRDTBatch.create(blocks, head), entries))
      head = update.head
      event = update.event ? String(update.event.cid) : null
    }
    heads[replica] = head
    const root = head.length ? String((await CRDT.root(blocks, head)).root) : null
    steps.push({ head: head.map(String).sort(), event, root })
  }
  return { steps }
}

const { map, clocks } = JSON.parse(await text(process.stdin))
const played = { map: [], clocks: [] }
for (const ops of map) played.map.push(await playMap(ops))
for (const ops of clocks) played.clocks.push(await playClock(ops))
console.log(JSON.stringify(played))
