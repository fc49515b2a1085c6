// Which item ledger entry did each line of a posted invoice leave the stock with, and how much of it may come back?
query 50100 "BH API Returnable Lines"
{
    QueryType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'returnableLine';
    EntitySetName = 'returnableLines';
    DataAccessIntent = ReadOnly;

    elements
    {
        dataitem(Line; "Sales Invoice Line")
        {
            DataItemTableFilter = Type = const(Item);
            column(documentNumber; "Document No.") { }
            column(lineNumber; "Line No.") { }
            column(customerNumber; "Sell-to Customer No.") { }
            column(itemNumber; "No.") { }
            column(variantCode; "Variant Code") { }
            column(locationCode; "Location Code") { }
            column(postingDate; "Posting Date") { }
            column(unitPrice; "Unit Price") { }
            column(lineDiscountAmount; "Line Discount Amount") { }
            column(taxPercent; "VAT %") { }
            column(vatProdPostingGroup; "VAT Prod. Posting Group") { }
            column(unitCost; "Unit Cost (LCY)") { }
            dataitem(Header; "Sales Invoice Header")
            {
                DataItemLink = "No." = Line."Document No.";
                SqlJoinType = InnerJoin;
                column(orderNumber; "Order No.") { }
                column(externalDocumentNumber; "External Document No.") { }
                column(currencyCode; "Currency Code") { }
                dataitem(Value; "Value Entry")
                {
                    DataItemLink = "Document No." = Line."Document No.", "Document Line No." = Line."Line No.";
                    DataItemTableFilter = "Document Type" = const("Sales Invoice"), Adjustment = const(false);
                    SqlJoinType = InnerJoin;
                    dataitem(Entry; "Item Ledger Entry")
                    {
                        DataItemLink = "Entry No." = Value."Item Ledger Entry No.";
                        SqlJoinType = InnerJoin;
                        column(itemLedgerEntryNumber; "Entry No.") { }
                        column(quantity; Quantity) { }
                        column(shippedQuantityNotReturned; "Shipped Qty. Not Returned") { }
                    }
                }
            }
        }
    }
}
