// A table that is wider than its place says so until its end is seen; nothing moves meanwhile.
for (const wide of document.querySelectorAll(".scroll, .table-wrapper")) {
  const hint = document.createElement("p");
  hint.className = "more";
  hint.style = "text-align: right; font-size: .84rem; margin: 0 0 4px; max-width: none";
  hint.textContent = "More columns to the right →";
  wide.before(hint);
  const tell = () => {
    hint.hidden = wide.scrollWidth <= wide.clientWidth + 4;
    hint.style.visibility = wide.scrollLeft + wide.clientWidth >= wide.scrollWidth - 4 ? "hidden" : "";
  };
  wide.addEventListener("scroll", tell, { passive: true });
  const sizes = new ResizeObserver(tell);
  sizes.observe(wide);
  sizes.observe(wide.firstElementChild);
}
