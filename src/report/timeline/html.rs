//! The picture as a page: one file that asks no network, with a search and what the pointer rests on in full (pure).
//!
//! Knows the page around the picture. Refuses to draw (`svg`).

use super::lane::Lane;
use super::svg::{svg, xml};
use super::words;

/// Nothing is loaded from anywhere, whatever a URL in the page says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

const STYLE: &str = "
:root{color-scheme:light dark}
body{margin:0 auto;padding:.5rem;max-width:1120px;font:15px system-ui,sans-serif;background:#fff;color:#1c2024}
label{position:sticky;left:.5rem}
input{font:inherit;padding:.3rem .5rem;width:min(24rem,90vw);box-sizing:border-box}
svg{display:block}
.row:focus{outline:none}.row:focus text,.row:hover text{text-decoration:underline}
.row.off{opacity:.15}
#tip{position:fixed;left:0;right:0;bottom:0;margin:0;padding:.6rem .8rem;background:#1c2024;color:#f4f5f6;
font:13px ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere;max-height:40vh;overflow:auto}
#tip:empty{display:none}
@media (prefers-color-scheme:dark){body{background:#15181c;color:#e8eaed}#tip{background:#e8eaed;color:#15181c}}
";

/// The tip is text, never markup; without a script the picture's own titles are the tips.
const SCRIPT: &str = "
const rows=[...document.querySelectorAll('.row')],tip=document.getElementById('tip');
const show=row=>{tip.textContent=row?row.dataset.tip:''};
for(const row of rows){
const title=row.querySelector('title');row.dataset.tip=title.textContent;row.setAttribute('aria-label',title.textContent);
title.remove();row.setAttribute('tabindex','0');row.setAttribute('role','img');
row.addEventListener('pointerenter',()=>show(row));row.addEventListener('pointerleave',()=>show(null));
row.addEventListener('focus',()=>show(row));row.addEventListener('blur',()=>show(null));}
document.querySelector('svg').removeAttribute('role');
const search=document.getElementById('search');search.hidden=false;
search.querySelector('input').addEventListener('input',event=>{
const word=event.target.value.toLowerCase();
for(const row of rows)row.classList.toggle('off',!row.dataset.tip.toLowerCase().includes(word));});
";

/// The whole page.
pub(super) fn html(lanes: &[Lane]) -> String {
    let (title, picture) = (xml(&words::title(lanes)), svg(lanes));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <p id=\"search\" hidden><label>Find a URL <input type=\"search\"></label></p>\n\
         {picture}<pre id=\"tip\" aria-live=\"polite\"></pre>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}
