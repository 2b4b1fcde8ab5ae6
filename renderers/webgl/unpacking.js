/* In pages that are files, where the program is packed: it is most of what a page needs beside the strokes. `unpacked`
   gives a response with the content of a packed text, `program` runs the program. */
const unpacked = async (text) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")));
};
const program = async () => {
  const script = document.createElement("script");
  script.textContent = await (await unpacked(document.getElementById("program").textContent)).text();
  document.body.append(script);
};
