"""Ask questions about source files with a LlamaIndex query engine whose LLM is a routerkit pool.

    python examples/llamaindex_query_engine.py                     # a local model, after `routerkit local pull smollm2`
    python examples/llamaindex_query_engine.py --config FILE.toml  # any configuration

Streamed: the answer appears while it is written.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from llama_index.core import Document, MockEmbedding, VectorStoreIndex

from llama_index.llms.routerkit import RouterLLM

LOCAL = """
[providers.local]
kind = "local"
[targets.smollm2]
provider = "local"
model = "smollm2"
context_tokens = 2048
[pools.coding]
targets = ["smollm2"]
policy = "cheapest"
"""

FILES = {
    "tax.py": "def tax(net):\n    # VAT has been 19 percent since 2007\n    return round(net * 0.19, 2)\n",
    "invoice.py": "from tax import tax\n\ndef total(net):\n    return net + tax(net)\n",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", help="configuration file; left out: one local model")
    parser.add_argument("--model", default="coding", help="pool, or pool/target")
    parser.add_argument("--question", default="What does tax.py compute? Answer in one sentence.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "routerkit.toml"
        local.write_text(LOCAL)
        llm = RouterLLM(config=args.config or local, model=args.model, kind="explain", max_tokens=80)
        with llm.router:
            answer(llm, args.question)


def answer(llm: RouterLLM, question: str) -> None:
    documents = [Document(text=text, metadata={"file": name}) for name, text in FILES.items()]
    index = VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(embed_dim=8))  # a real index embeds, this one need not
    response = index.as_query_engine(llm=llm, streaming=True).query(question)
    print(f"question: {question}\nanswer:   ", end="")
    for piece in response.response_gen:  # type: ignore[union-attr]  # streaming=True makes it one
        print(piece, end="", flush=True)
    facts = llm.complete(question).additional_kwargs["routerkit"]
    print(f"\n\nwithout the files, answered by {facts['target']} after {facts['attempts']} attempt(s)\nbecause {facts['reason']}")


if __name__ == "__main__":
    main()
