// How fast the JavaScript pail is: {keys, values} on standard input, seconds per part on standard output.
import * as Pail from '@web3-storage/pail'
import * as Batch from '@web3-storage/pail/batch'
import { MemoryBlockstore } from '@web3-storage/pail/block'
import { ShardBlock } from '@web3-storage/pail/shard'
import { CID } from 'multiformats/cid'
import { text } from 'node:stream/consumers'

const { keys, values: texts } = JSON.parse(await text(process.stdin))
const values = texts.map((value) => CID.parse(value))
const blocks = new MemoryBlockstore()
const empty = await ShardBlock.create()
blocks.putSync(empty.cid, empty.bytes)
const store = (diff) => {
  for (const block of diff.additions) blocks.putSync(block.cid, block.bytes)
  return diff.root
}

const seconds = {}
const timed = async (name, work) => {
  const start = performance.now()
  const result = await work()
  seconds[name] = Math.min((performance.now() - start) / 1000, seconds[name] ?? Infinity)
  return result
}

let root
for (let round = 0; round < 3; round++) {
  root = await timed('put', async () => {
    let root = empty.cid
    for (const [i, key] of keys.entries()) root = store(await Pail.put(blocks, root, key, values[i]))
    return root
  })
  await timed('get', async () => {
    for (const key of keys) await Pail.get(blocks, root, key)
  })
  const batched = await timed('batch', async () => {
    const batch = await Batch.create(blocks, empty.cid)
    for (const [i, key] of keys.entries()) await batch.put(key, values[i])
    return store(await batch.commit())
  })
  if (String(batched) !== String(root)) throw new Error('the batch gives another root')
}
console.log(JSON.stringify({ seconds, root: String(root) }))
