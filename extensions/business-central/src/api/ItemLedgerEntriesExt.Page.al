page 50119 "BH API Item Ledger Entries Ext"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'itemLedgerEntryExt';
    EntitySetName = 'itemLedgerEntriesExt';
    SourceTable = "Item Ledger Entry";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(entryNumber; Rec."Entry No.") { }
                field(itemNumber; Rec."Item No.") { }
                field(variantCode; Rec."Variant Code") { }
                field(locationCode; Rec."Location Code") { }
                field(postingDate; Rec."Posting Date") { }
                field(entryType; Rec."Entry Type") { }
                field(documentType; Rec."Document Type") { }
                field(documentNumber; Rec."Document No.") { }
                field(documentLineNumber; Rec."Document Line No.") { }
                field(externalDocumentNumber; Rec."External Document No.") { }
                field(quantity; Rec.Quantity) { }
                field(remainingQuantity; Rec."Remaining Quantity") { }
                field(invoicedQuantity; Rec."Invoiced Quantity") { }
                field(shippedQuantityNotReturned; Rec."Shipped Qty. Not Returned") { }
                field(returnReasonCode; Rec."Return Reason Code") { }
                field(costAmountActual; Rec."Cost Amount (Actual)") { }
                field(costAmountExpected; Rec."Cost Amount (Expected)") { }
                field(salesAmountActual; Rec."Sales Amount (Actual)") { }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { }
            }
        }
    }
}
